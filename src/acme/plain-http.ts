import { type IncomingMessage, request as overTcp } from 'node:http';
import { request as overTls } from 'node:https';
import { isIngressError } from '../errors.ts';
import { type HttpContext, MAX_BODY_BYTES, TIMEOUT_MS } from './http.ts';
import { unreachable } from './no-answer.ts';
import { problemError, readProblem } from './problem.ts';

/** The answer to a request that nobody signed. */
export interface HttpResponse {
  /** JSON as what it says, anything else as text. */
  readonly body: unknown;
  readonly retryAfterMs: number | undefined;
}

const MOST_REDIRECTIONS = 5;

/**
 * Asks without acme-client, which costs four times the time and twenty MiB more. Follows redirections. Throws ACME_UNREACHABLE, and ACME_PROBLEM for an answer that is no success.
 */
export async function request(
  method: 'GET' | 'HEAD',
  url: string,
  wire: HttpContext,
  signal: AbortSignal,
): Promise<HttpResponse> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  let at = url;
  try {
    for (let left = MOST_REDIRECTIONS; ; left -= 1) {
      const { status, headers, body, retryAfterMs } = await askOnce(method, at, wire, limit);
      if (status >= 200 && status < 300) return { body, retryAfterMs };
      const next = status < 400 && left > 0 ? redirection(at, headers.location) : undefined;
      if (next === undefined)
        throw problemError(readProblem(body, status, { url: at, headers }), retryAfterMs);
      at = next;
    }
  } catch (thrown) {
    signal.throwIfAborted();
    if (isIngressError(thrown)) throw thrown;
    const failure: unknown = limit.aborted ? limit.reason : thrown;
    throw unreachable({ method, url }, failure, wire.outgoing.trouble(failure, at));
  }
}

async function askOnce(method: string, url: string, wire: HttpContext, signal: AbortSignal) {
  const sent = wire.clock.now();
  const response = await open(method, url, wire, signal);
  const { statusCode: status = 0, headers } = response;
  const retryAfterMs = wire.observe({ url, headers, sentAt: sent });
  return { status, headers, retryAfterMs, body: parsed(await read(response)) };
}

/** Where an answer leads to; nowhere when that would give up TLS. */
function redirection(from: string, location: string | undefined): string | undefined {
  const to = location === undefined ? null : URL.parse(location, from);
  const isKept = to?.protocol === 'https:' || to?.protocol === new URL(from).protocol;
  return isKept ? to?.href : undefined;
}

async function open(
  method: string,
  url: string,
  { userAgent, outgoing }: HttpContext,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const headers = { 'User-Agent': userAgent };
  const sent =
    new URL(url).protocol === 'http:'
      ? overTcp(url, { method, headers, signal, agent: outgoing.httpAgent })
      : overTls(url, { method, headers, signal, agent: outgoing.httpsAgent });
  sent.on('response', resolve).on('error', reject).end();
  // While a proxy opens its tunnel, Node's request does not listen to its signal.
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  return promise;
}

async function read(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Error(`the answer has more than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
