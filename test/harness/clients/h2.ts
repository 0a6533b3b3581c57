import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionOptions,
  connect,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { TestContext } from 'node:test';
import { afterTest } from '../after-test.ts';
import { openTls } from './tls.ts';

/** A response over HTTP/2. */
export interface H2Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders | undefined;
}

/** An HTTP/2 session with the proxy. */
export async function openH2(
  t: TestContext,
  port: number,
  servername = 'app.example',
  options: ClientSessionOptions = {},
): Promise<ClientHttp2Session> {
  const socket = await openTls(t, port, servername, { ALPNProtocols: ['h2'] });
  assert.equal(socket.alpnProtocol, 'h2');
  const session = connect(`https://${servername}`, { ...options, createConnection: () => socket });
  session.on('error', () => undefined);
  afterTest(t, () => session.destroy());
  return session;
}

/** The header of a response. Rejects if the stream ends first. */
export async function headersOf(
  stream: ClientHttp2Stream,
): Promise<IncomingHttpHeaders & IncomingHttpStatusHeader> {
  const [headers] = await once(stream, 'response', { signal: AbortSignal.timeout(10_000) });
  return headers;
}

/** Sends a request and resolves with the response. */
export async function sendRequest(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string | Buffer,
): Promise<H2Answer> {
  const stream = session.request(headers);
  stream.end(body);
  return await answerOf(stream);
}

/** The complete response on a stream. */
export async function answerOf(stream: ClientHttp2Stream): Promise<H2Answer> {
  let trailers: IncomingHttpHeaders | undefined;
  stream.on('trailers', (found: IncomingHttpHeaders) => {
    trailers = found;
  });
  const ended = once(stream, 'end', { signal: AbortSignal.timeout(10_000) });
  // It is awaited below, unless there is no header at all.
  ended.catch(() => undefined);
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const headers = await headersOf(stream);
  await ended;
  return { status: headers[':status'], headers, body: Buffer.concat(chunks).toString(), trailers };
}
