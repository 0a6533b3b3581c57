import type { Clock } from '../../src/clock.ts';
import type { Secret } from '../../src/config/secret.ts';
import { type HttpResponse, send } from '../../src/net/http.ts';
import type { Outgoing } from '../../src/net/outgoing.ts';
import { parseRetryAfter } from '../../src/net/retry-after.ts';
import type { Budget } from './budget.ts';
import { timeoutError, unreachable } from './errors.ts';

/** What all calls to one API have in common. */
export interface HttpOptions {
  /** The provider's name in messages. */
  readonly title: string;
  /** Empty if the paths of the calls are whole URLs. */
  readonly baseUrl: string;
  /** Milliseconds that one call may take, its body included. */
  readonly timeoutMs: number;
  /** Never part of a message, even if the server repeats them. */
  readonly secrets: readonly Secret[];
  readonly budget: Budget;
  readonly clock: Clock;
  readonly outgoing: Outgoing;
  /**
   * The only address family to connect by, for an API that identifies its clients by their address.
   */
  readonly family?: 4;
}

/** One call to the API. */
export interface HttpCall {
  /** Completes "<title> could not be asked to …". */
  readonly doing: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Relative to the base URL; a whole URL if that is empty. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly body?: string;
}

/** A complete response, of any status. */
export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
  /** `Retry-After` in milliseconds, of a response with an error status. */
  readonly retryAfterMs: number | undefined;
}

/**
 * Too many requests, and unavailable (RFC 9110 §10.2.3); Namecheap uses 405 for too many requests.
 */
const ASKS_TO_WAIT = new Set([405, 429, 503]);

/** Makes one call; see `createHttp`. */
export type Http = (call: HttpCall, signal: AbortSignal) => Promise<HttpAnswer>;

/** Bytes. No response that these APIs document is longer. */
const LONGEST_ANSWER = 16 * 1024 * 1024;

/**
 * Makes calls to an API with text responses: each call is one request, made when the budget allows
 * it. Throws PROVIDER_UNREACHABLE if there is no complete response, PROVIDER_RATE_LIMITED, or the
 * signal's reason.
 */
export function createHttp(options: HttpOptions): Http {
  const { baseUrl, timeoutMs, budget, clock, outgoing, family } = options;
  return async ({ doing, method, path, headers = {}, query = {}, body }, signal) => {
    await budget.spend(signal);
    const url = `${baseUrl}${path}`;
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
      const response = await send({
        ...{ method, url: withQuery(url, query), outgoing, family },
        // Some of these APIs are behind a firewall that rejects requests without it.
        headers: { 'user-agent': 'dstack-ingress', ...headers },
        ...(body === undefined ? {} : { body }),
        maxBytes: LONGEST_ANSWER,
        signal: AbortSignal.any([signal, deadline]),
      });
      const retryAfterMs = askedToWait(response, clock.now());
      if (retryAfterMs !== undefined && ASKS_TO_WAIT.has(response.status)) await budget.hold(retryAfterMs);
      return { status: response.status, text: response.text, retryAfterMs };
    } catch (thrown) {
      signal.throwIfAborted();
      const cause = deadline.aborted ? timeoutError(timeoutMs) : thrown;
      throw unreachable({ ...options, baseUrl: url, doing }, cause, outgoing.trouble(cause, url));
    }
  };
}

function withQuery(url: string, query: Readonly<Record<string, string | number>>): URL {
  const whole = new URL(url);
  for (const [name, value] of Object.entries(query)) whole.searchParams.set(name, String(value));
  return whole;
}

// Linode sends Retry-After with every response, as the time until its counters are reset; after a
// success it is not a request to wait.
function askedToWait({ status, headers }: HttpResponse, now: Date): number | undefined {
  return status >= 400 ? parseRetryAfter(headers['retry-after'], now) : undefined;
}

/** The part of the Fetch standard that clients of APIs use: text in, text out. */
export type Fetch = (url: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** Statuses of responses without a body (Fetch standard, null body status). */
const WITHOUT_CONTENT = new Set([204, 205, 304]);

/** A `fetch` for SDKs that need one. Node's own takes no agent. */
export function createFetch(outgoing: Outgoing): Fetch {
  return async (url, { method = 'GET', headers, body, signal } = {}) => {
    const response = await send({
      ...{ method, url: String(url), outgoing, maxBytes: LONGEST_ANSWER },
      headers: Object.fromEntries(new Headers(headers)),
      ...(typeof body === 'string' ? { body } : {}),
      signal: signal ?? new AbortController().signal,
    });
    const fields = Object.entries(response.headers).map(([name, value]): [string, string] => [
      name,
      String(value),
    ]);
    const content = WITHOUT_CONTENT.has(response.status) ? null : response.text;
    return new Response(content, { status: response.status, headers: fields });
  };
}
