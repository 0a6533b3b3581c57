import { untilAborted } from '../async.ts';
import type { Clock } from '../clock.ts';
import { errorRegistry, IngressError, isIngressError } from '../errors.ts';
import { send } from '../net/http.ts';
import { createOutgoing, type Outgoing, type ProxyTrouble } from '../net/outgoing.ts';
import { parseRetryAfter } from '../net/retry-after.ts';
import { isTimeout, whyUnanswered } from '../net/unanswered.ts';
import { clockSkewMs } from './clock-skew.ts';
import { isProblem, problemError, problemOf, readProblem } from './problem.ts';

/** Milliseconds for a request and its whole response. */
export const TIMEOUT_MS = 30_000;
/** Largest body in bytes; a chain has a few thousand. */
export const MAX_BODY_BYTES = 1 << 20;

/** The parts of a response that every HTTP client reports. */
export interface ObservedResponse {
  readonly url: string;
  /** Keyed by lower-case name. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** When the request was sent, by our clock. */
  readonly sentAt: Date;
}

/**
 * State shared by all requests to one CA, sent by acme-client or by us: how to send them, and the
 * headers of past responses.
 */
export interface HttpContext {
  readonly userAgent: string;
  readonly clock: Clock;
  readonly outgoing: Outgoing;
  /** Records a response. Returns its Retry-After in milliseconds. */
  observe(response: ObservedResponse): number | undefined;
  /** The Retry-After of the last response from this URL, in milliseconds. */
  retryAfterMs(url: string): number | undefined;
  /** The CA's clock minus ours in milliseconds, from the last response with a Date header. */
  skewMs(): number | undefined;
  /** When the last response arrived, by our clock. */
  lastResponseAt(): Date | undefined;
}

export function createHttpContext(userAgent: string, clock: Clock, outgoing = createOutgoing()): HttpContext {
  const retryAfter = new Map<string, number>();
  let lastSkewMs: number | undefined;
  let lastResponseAt: Date | undefined;
  return {
    userAgent,
    clock,
    outgoing,
    observe({ url, headers, sentAt }) {
      const receivedAt = clock.now();
      const { date, age } = headers;
      const skewMs = clockSkewMs({ date, age, sentAt, receivedAt });
      lastSkewMs = skewMs ?? lastSkewMs;
      lastResponseAt = receivedAt;
      // A date in Retry-After is by the CA's clock.
      const caNow = new Date(receivedAt.getTime() + (skewMs ?? 0));
      const retryAfterMs = parseRetryAfter(headers['retry-after'], caNow);
      if (retryAfterMs === undefined) retryAfter.delete(url);
      else retryAfter.set(url, retryAfterMs);
      return retryAfterMs;
    },
    retryAfterMs: (url) => retryAfter.get(url),
    skewMs: () => lastSkewMs,
    lastResponseAt: () => lastResponseAt,
  };
}

/** A successful response to an unsigned request. */
export interface AcmeResponse {
  /** Parsed if it is JSON, text otherwise. */
  readonly body: unknown;
  readonly retryAfterMs: number | undefined;
}

const MAX_REDIRECTS = 5;

/**
 * Sends an unsigned request once, without acme-client, which takes four times as long and 20 MiB
 * more. Follows redirects. Throws ACME_UNREACHABLE, ACME_PROBLEM for any status but success, and
 * the signal's reason.
 */
export async function sendUnsigned(
  method: 'GET' | 'HEAD',
  url: string,
  context: HttpContext,
  signal: AbortSignal,
): Promise<AcmeResponse> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  let at = url;
  try {
    for (let left = MAX_REDIRECTS; ; left -= 1) {
      const { status, headers, body, retryAfterMs } = await sendOnce(method, at, context, limit);
      if (status >= 200 && status < 300) return { body, retryAfterMs };
      const next = status < 400 && left > 0 ? redirectTarget(at, headers.location) : undefined;
      if (next === undefined)
        throw problemError(readProblem(body, status, { url: at, headers }), retryAfterMs);
      at = next;
    }
  } catch (thrown) {
    signal.throwIfAborted();
    if (isIngressError(thrown)) throw thrown;
    const failure: unknown = limit.aborted ? limit.reason : thrown;
    throw unreachable({ method, url }, failure, context.outgoing.trouble(failure, at));
  }
}

async function sendOnce(method: string, url: string, context: HttpContext, signal: AbortSignal) {
  const { userAgent, outgoing, clock } = context;
  const sentAt = clock.now();
  const { status, headers, text } = await send({
    ...{ method, url, outgoing, signal },
    headers: { 'User-Agent': userAgent },
    maxBytes: MAX_BODY_BYTES,
  });
  const retryAfterMs = context.observe({ url, headers, sentAt });
  return { status, headers, retryAfterMs, body: parse(text) };
}

/** The absolute URL of a Location header; undefined if following it would give up TLS. */
function redirectTarget(from: string, location: string | undefined): string | undefined {
  const to = location === undefined ? null : URL.parse(location, from);
  const isAllowed = to?.protocol === 'https:' || to?.protocol === new URL(from).protocol;
  return isAllowed ? to?.href : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export interface RequestLine {
  readonly method: string;
  readonly url: string;
}

/**
 * ACME_UNREACHABLE, for a request without a response. `thrown` is the HTTP client's error;
 * `trouble` is its explanation if HTTPS_PROXY is the cause. Pure.
 */
export function unreachable(request: RequestLine, thrown: unknown, trouble?: ProxyTrouble): IngressError {
  const method = request.method.toUpperCase();
  const { url } = request;
  const { why, advice, failure } = whyUnanswered(thrown, url, 'the certificate authority');
  const message = `no response to ${method} ${url}: ${trouble?.problem ?? why}`;
  return new IngressError('ACME_UNREACHABLE', message, {
    cause: failure,
    details: { method, url },
    ...(trouble && { hint: trouble.hint }),
    ...(!trouble && advice && { hint: advice, byItself: errorRegistry.ACME_UNREACHABLE.byItself }),
  });
}

// If the CA rejects half of all nonces, one request in four billion uses up these attempts.
const NONCE_ATTEMPTS = 32;
const ATTEMPTS = 4;
const MAX_PAUSE_MS = 10_000;

/**
 * Sends an ACME request with retries: at once with a fresh nonce after badNonce (RFC 8555 §6.5),
 * and up to three times after a short pause if the CA could not be reached or failed itself. Throws
 * anything else, because only the caller knows what another attempt costs: other refusals, a
 * Retry-After of more than 10 seconds, and timeouts, which the operator should see after the first
 * one.
 */
export async function withRetries<T>(
  request: () => Promise<T>,
  clock: Clock,
  signal: AbortSignal,
): Promise<T> {
  let rejectedNonces = 0;
  let failures = 0;
  for (;;) {
    signal.throwIfAborted();
    try {
      // acme-client's requests take no signal.
      return await untilAborted(request(), signal);
    } catch (thrown) {
      signal.throwIfAborted();
      if (isProblem(thrown, 'badNonce') && ++rejectedNonces < NONCE_ATTEMPTS) continue;
      const pauseMs = retryPauseMs(thrown, failures);
      if (pauseMs === undefined || ++failures >= ATTEMPTS) throw thrown;
      await clock.wait(pauseMs, signal);
    }
  }
}

/** Milliseconds to the next attempt; undefined if there should be none. */
function retryPauseMs(thrown: unknown, failures: number): number | undefined {
  const backoffMs = 500 * 2 ** failures;
  if (isIngressError(thrown, 'ACME_UNREACHABLE')) return isTimeout(thrown.cause) ? undefined : backoffMs;
  if (!isIngressError(thrown, 'ACME_PROBLEM')) return undefined;
  const status = problemOf(thrown)?.status ?? 0;
  const pauseMs = thrown.retryAfterMs ?? backoffMs;
  return status >= 500 && pauseMs <= MAX_PAUSE_MS ? Math.max(pauseMs, backoffMs) : undefined;
}
