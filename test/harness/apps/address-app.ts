import { createServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { readHeader, type Source } from '../clients/proxy-protocol.ts';
import type { AnyRequest, AnyResponse } from './http-app.ts';
import { startApp } from './tcp-app.ts';

/**
 * An app that expects a PROXY header on each connection, and responds with the addresses that it
 * learned, as JSON and a line feed.
 */
export function startAddressApp(t: TestContext, speaks: 'tcp' | 'http/1.1' | 'h2'): Promise<number> {
  /** By HAProxy's source port: requests of HTTP/2 do not expose their socket. */
  const sources = new Map<number | undefined, Source>();
  const serve = (request: AnyRequest, response: AnyResponse) => {
    const source = sources.get(request.socket.remotePort);
    response.end(`${JSON.stringify({ source, forwardedFor: request.headers['x-forwarded-for'] })}\n`);
  };
  const http = speaks === 'h2' ? createHttp2Server(serve) : createServer(serve);
  return startApp(t, (socket) => {
    afterHeader(socket, (source) => {
      sources.set(socket.remotePort, source);
      if (speaks === 'tcp') socket.write(`${JSON.stringify({ source })}\n`);
      else http.emit('connection', socket);
    });
  });
}

/** Reads the PROXY header of a connection and leaves the rest unread. */
function afterHeader(socket: Socket, then: (source: Source) => void): void {
  let bytes = Buffer.alloc(0);
  const read = () => {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read())
      bytes = Buffer.concat([bytes, chunk]);
    const header = readHeader(bytes);
    if (!header) return;
    socket.off('readable', read);
    if (header.rest.length > 0) socket.unshift(header.rest);
    then(header.source);
  };
  socket.on('readable', read);
}
