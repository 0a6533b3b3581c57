import { readFile } from 'node:fs/promises';
import { connect, createServer as createTcpServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { makeSelfSigned } from './ca/self-signed.ts';
import { openServer } from './open-server.ts';

/** A front on a port of its own, before another HTTPS server. */
export interface CountingFront extends AsyncDisposable {
  /** `host:port`. */
  readonly host: string;
  /** A PEM file with the trust anchor of its own certificate, if it has one. */
  readonly caFile: string | undefined;
  /** The number of connections so far. */
  connections(): number;
}

/**
 * Starts a front on the same address. It forwards bytes unchanged; for an upstream URL with
 * http://, it terminates TLS itself.
 */
export async function startCountingFront(directory: string, behind: string): Promise<CountingFront> {
  const { protocol, hostname, port } = new URL(behind);
  let connections = 0;
  const relay = (socket: Socket) => {
    const upstream = connect(Number(port), hostname);
    socket.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
    upstream.on('error', () => socket.destroy());
    socket.pipe(upstream).pipe(socket);
  };
  const own = protocol === 'http:' ? await makeKeyPair(directory, hostname, port) : undefined;
  const server = own ? createTlsServer(own.pair, relay) : createTcpServer(relay);
  server.on('connection', () => {
    connections += 1;
  });
  server.on('tlsClientError', () => undefined);
  const open = await openServer(server, { host: hostname, port: 0 });
  return {
    host: `${hostname}:${open.port}`,
    caFile: own?.caFile,
    connections: () => connections,
    [Symbol.asyncDispose]: () => open[Symbol.asyncDispose](),
  };
}

async function makeKeyPair(directory: string, hostname: string, port: string) {
  const certificate = join(directory, `front-${port}.crt`);
  const privateKey = join(directory, `front-${port}.key`);
  await makeSelfSigned(`IP:${hostname}`, { certificate, privateKey });
  const [cert, key] = await Promise.all([readFile(certificate), readFile(privateKey)]);
  return { pair: { cert, key }, caFile: certificate };
}
