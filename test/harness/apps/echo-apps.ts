import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import type { TestContext } from 'node:test';
import { afterTest } from '../after-test.ts';

/**
 * An HTTP/1.1 app that answers with the path, and echoes whoever asks for the protocol `echo` (RFC
 * 9110 §7.8).
 */
export function startUpgradingApp(t: TestContext): Promise<number> {
  const server = createServer((request, response) => response.end(request.url));
  server.on('upgrade', (_request, socket, head) => {
    socket.on('error', () => undefined);
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n');
    socket.unshift(head);
    socket.pipe(socket);
  });
  return listen(t, server);
}

/**
 * An HTTP/2 app that sends back the body of each request while it comes, as a gRPC call in both
 * directions does.
 */
export function startStreamingApp(t: TestContext): Promise<number> {
  const server = createHttp2Server();
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.pipe(stream);
  });
  return listen(t, server);
}

async function listen(t: TestContext, server: Server): Promise<number> {
  const open = new Set<{ destroy(): unknown }>();
  server.on('connection', (socket) => open.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterTest(t, () => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  // A server that listens on TCP has an address with a port.
  return (server.address() as AddressInfo).port;
}
