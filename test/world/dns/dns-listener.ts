import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { openServer } from '../open-server.ts';
import { createTcpSplitter, withLength } from './dns-client.ts';

export type Transport = 'udp' | 'tcp';

/** Responds to one message from a client's address; undefined or a rejection means no response. */
export type Answerer = (message: Buffer, transport: Transport, client: string) => Promise<Buffer | undefined>;

/** Port 53 of one address, UDP and TCP. Disposal closes it. */
export interface DnsListener extends AsyncDisposable {
  /** Closes the port, which then refuses connections, and cuts the open ones. */
  close(): Promise<void>;
  /** Opens it again; does nothing if it is open. */
  open(): Promise<void>;
}

/** Listens on port 53 of the address. Rejects if it cannot be bound. */
export async function listenDns(address: string, answer: Answerer): Promise<DnsListener> {
  let sockets: AsyncDisposableStack | undefined;
  const open = async () => {
    if (sockets) return;
    await using stack = new AsyncDisposableStack();
    const udp = await openUdp(address, answer);
    stack.defer(() => closeUdp(udp));
    const tcp = createServer((connection) => serve(connection, answer));
    stack.use(await openServer(tcp, { host: address, port: 53 }));
    sockets = stack.move();
  };
  const close = async () => {
    const closing = sockets;
    sockets = undefined;
    await closing?.disposeAsync();
  };
  await open();
  return { open, close, [Symbol.asyncDispose]: close };
}

async function openUdp(address: string, answer: Answerer): Promise<UdpSocket> {
  const socket = createSocket('udp4');
  let isOpen = true;
  socket.on('close', () => {
    isOpen = false;
  });
  socket.on('message', async (message, { address: client, port }) => {
    const reply = await answer(message, 'udp', client).catch(() => undefined);
    if (reply && isOpen) socket.send(reply, port, client);
  });
  socket.bind(53, address);
  await once(socket, 'listening');
  return socket;
}

async function closeUdp(socket: UdpSocket): Promise<void> {
  const closed = once(socket, 'close');
  socket.close();
  await closed;
}

function serve(connection: Socket, answer: Answerer): void {
  const split = createTcpSplitter();
  const client = connection.remoteAddress ?? '';
  connection.on('data', async (piece: Buffer) => {
    for (const message of split(piece)) {
      const reply = await answer(message, 'tcp', client).catch(() => undefined);
      if (reply && connection.writable) connection.write(withLength(reply));
    }
  });
}
