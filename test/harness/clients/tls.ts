import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterTest } from '../after-test.ts';

/** A client of the proxy after its handshake. Does not check whether the certificate is trusted. */
export async function openTls(
  t: TestContext,
  port: number,
  servername: string,
  options: ConnectionOptions = {},
): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false, ...options });
  afterTest(t, () => socket.destroy());
  await once(socket, 'secureConnect');
  socket.on('error', () => undefined);
  return socket;
}

/** Sends a line and resolves with the line received. */
export async function exchange(socket: TLSSocket, line: string): Promise<string> {
  socket.write(`${line}\n`);
  return await receive(socket);
}

/** The next bytes, as text; '' once the other side has closed. */
export async function receive(socket: TLSSocket): Promise<string> {
  const chunk: unknown = await Promise.race([
    once(socket, 'data').then(([data]) => data),
    once(socket, 'close').then(() => ''),
  ]);
  return String(chunk).trim();
}
