import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { afterTest } from '../after-test.ts';

export type AnyRequest = IncomingMessage | Http2ServerRequest;
export type AnyResponse = ServerResponse | Http2ServerResponse;

export interface HttpAppOptions {
  readonly speaks: 'http/1.1' | 'h2';
  readonly host?: string;
  readonly port?: number;
}

/**
 * An app that answers each request with the text that `answer` makes of it; without one, it does
 * not answer.
 */
export async function startTextApp(
  t: TestContext,
  { speaks, host = '127.0.0.1', port = 0 }: HttpAppOptions,
  answer: (request: AnyRequest) => string | undefined,
): Promise<number> {
  const serve = (request: AnyRequest, response: AnyResponse) => {
    const text = answer(request);
    if (text !== undefined) response.end(text);
  };
  const server = speaks === 'h2' ? createHttp2Server(serve) : createServer(serve);
  const open = new Set<{ destroy(): unknown }>();
  server.on('connection', (socket) => open.add(socket));
  server.listen(port, host);
  await once(server, 'listening');
  afterTest(t, () => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  // A server that listens on TCP has an address with a port.
  return (server.address() as AddressInfo).port;
}
