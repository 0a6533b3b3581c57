import { readFile } from 'node:fs/promises';
import { connect, createServer as createTcpServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { makeSelfSigned } from './ca/self-signed.ts';
import { openServer } from './open-server.ts';

/** HTTPS at a port of its own, before somebody else's. */
export interface CountingFront extends AsyncDisposable {
  /** `host:port`. */
  readonly host: string;
  /** A PEM file with what its own certificate is verified against, where it has one. */
  readonly caFile: string | undefined;
  /** How many connections have come so far. */
  connections(): number;
}

/**
 * Starts a front at the same address: it hands on what comes byte for byte, and ends TLS by itself before a URL that
 * begins with http://.
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
