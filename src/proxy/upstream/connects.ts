import { connect } from 'node:net';

/** Whether something accepts connections at an address: undefined if so, else the system's word for why not. Never rejects. */
export type TcpProbe = (
  at: { readonly address: string; readonly port: number },
  signal: AbortSignal,
) => Promise<string | undefined>;

/** A SYN that is lost is sent again after one second. */
const LIMIT_MS = 2_000;

/** Connects, and leaves without a word. */
export const probeTcp: TcpProbe = ({ address, port }, signal) =>
  new Promise((resolve) => {
    const socket = connect({
      host: address,
      port,
      signal: AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]),
    });
    socket.on('connect', () => {
      resolve(undefined);
      socket.destroy();
    });
    socket.on('error', (error: NodeJS.ErrnoException) =>
      resolve(error.name === 'AbortError' ? 'ETIMEDOUT' : (error.code ?? error.message)),
    );
  });
