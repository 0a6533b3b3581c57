import { type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { untilAborted } from '../async.ts';
import { systemErrorCode } from '../errors.ts';
import type { Outgoing } from './outgoing.ts';

/** One request, and the limits for its response. */
export interface HttpRequest {
  readonly method: string;
  readonly url: string | URL;
  /** A Unix socket to connect to; the URL then only gives the path. */
  readonly socketPath?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The connections to use. Undefined for one connection that is closed after the response. */
  readonly outgoing?: Outgoing;
  /** The only address family to connect by. */
  readonly family?: 4 | undefined;
  /** A response with a longer body is an error. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** A complete response, of any status. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The body as UTF-8. */
  readonly text: string;
}

/** A body that is longer than the limit, or that ends before it is complete. */
export class BodyError extends Error {
  override readonly name = 'BodyError';
  readonly code: 'BODY_TOO_LONG' | 'BODY_INCOMPLETE';
  /** The limit, or how many bytes had arrived. */
  readonly bytes: number;

  constructor(code: BodyError['code'], bytes: number, cause?: unknown) {
    super(
      code === 'BODY_TOO_LONG'
        ? `the answer has more than ${bytes} bytes`
        : `the answer broke off after ${bytes} bytes`,
      cause === undefined ? {} : { cause },
    );
    this.code = code;
    this.bytes = bytes;
  }
}

/**
 * Sends one request and reads the whole response. No retries, no redirects. axios and Node's
 * `fetch` would do, but axios costs 20 MiB of memory, and `fetch` takes no agent, which the proxy
 * of HTTPS_PROXY and the address family need. Rejects with the transport's error, a
 * BodyError, or the signal's reason. No error holds the request.
 */
export async function send(request: HttpRequest): Promise<HttpResponse> {
  const { method, headers = {}, body, socketPath, outgoing, family, maxBytes, signal } = request;
  signal.throwIfAborted();
  const url = new URL(request.url);
  const isPlain = url.protocol === 'http:';
  const sent = (isPlain ? requestHttp : requestHttps)(url, {
    method,
    headers,
    signal,
    agent: outgoing ? (isPlain ? outgoing.httpAgent : outgoing.httpsAgent) : false,
    ...(socketPath === undefined ? {} : { socketPath }),
    ...(family === undefined ? {} : { family }),
  });
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  sent.on('response', resolve).on('error', reject).end(body);
  try {
    // While a proxy opens its tunnel, Node's request ignores its signal.
    const response = await untilAborted(promise, signal);
    const text = await readText(response, maxBytes);
    return { status: response.statusCode ?? 0, headers: response.headers, text };
  } catch (thrown) {
    sent.destroy();
    signal.throwIfAborted();
    throw withoutPacket(thrown);
  }
}

/**
 * A parser's error carries the packet, in which the other side may repeat a secret that was sent.
 */
function withoutPacket(thrown: unknown): unknown {
  if (!(thrown instanceof Error && 'rawPacket' in thrown)) return thrown;
  const code = systemErrorCode(thrown);
  return Object.assign(new Error(thrown.message), code === undefined ? {} : { code });
}

async function readText(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response) {
      length += chunk.length;
      if (length > maxBytes) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    if (response.complete) throw cause;
    throw new BodyError('BODY_INCOMPLETE', length, cause);
  }
  if (length > maxBytes) throw new BodyError('BODY_TOO_LONG', maxBytes);
  // Decoded as a whole: one character's bytes may arrive in two chunks.
  return new TextDecoder().decode(Buffer.concat(chunks));
}
