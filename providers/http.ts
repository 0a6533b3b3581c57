import axios, { type AxiosResponse, isAxiosError } from 'axios';
import type { Clock } from '../src/clock.ts';
import type { Secret } from '../src/config/secret.ts';
import { IngressError } from '../src/errors.ts';
import type { Budget } from './budget.ts';
import { retryAfter } from './retry-after.ts';
import { clean, rootMessage } from './words.ts';

export interface HttpOptions {
  /** The provider, as a person calls it. */
  readonly title: string;
  readonly baseUrl: string;
  /** Milliseconds that one call may take, its body included. */
  readonly timeoutMs: number;
  /** Never part of a message, even when the other side repeats them. */
  readonly secrets: readonly Secret[];
  readonly budget: Budget;
  readonly clock: Clock;
  /** The only address family to connect by, for an API that knows its clients by their address. */
  readonly family?: 4;
}

export interface HttpCall {
  /** Completes "<title> could not be asked to …". */
  readonly doing: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Behind the base URL. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly body?: string;
}

/** A whole answer, of whatever status. */
export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
  /** `Retry-After` in milliseconds, of an answer that refuses. */
  readonly retryAfterMs: number | undefined;
}

/** Too many requests, and unavailable (RFC 9110 §10.2.3); Namecheap says 405 for too many. */
const ASKS_TO_WAIT = new Set([405, 429, 503]);

export type Http = (call: HttpCall, signal: AbortSignal) => Promise<HttpAnswer>;

/** Bytes; beyond it nothing that these APIs answer is what was asked for. */
const LONGEST_ANSWER = 16 * 1024 * 1024;

/**
 * Makes calls to an API that answers text: one call, one request, when the budget allows it. Throws
 * PROVIDER_UNREACHABLE when there is no whole answer, PROVIDER_RATE_LIMITED, or the signal's reason.
 */
export function createHttp(options: HttpOptions): Http {
  const { baseUrl, timeoutMs, budget, clock, family } = options;
  return async ({ doing, method, path, headers = {}, query = {}, body }, signal) => {
    await budget.spend(signal);
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
      const response = await axios.request<string>({
        method,
        url: `${baseUrl}${path}`,
        headers: { ...headers },
        params: query,
        ...(body === undefined ? {} : { data: body }),
        responseType: 'text',
        transformResponse: (text) => text,
        validateStatus: () => true,
        maxRedirects: 0,
        maxContentLength: LONGEST_ANSWER,
        proxy: false,
        signal: AbortSignal.any([signal, deadline]),
        ...(family === undefined ? {} : { family }),
      });
      const retryAfterMs = askedToWait(response, clock.now());
      if (retryAfterMs !== undefined && ASKS_TO_WAIT.has(response.status)) await budget.hold(retryAfterMs);
      return { status: response.status, text: String(response.data ?? ''), retryAfterMs };
    } catch (thrown) {
      signal.throwIfAborted();
      const cause = deadline.aborted ? new Error(`no answer within ${timeoutMs / 1000} s`) : plain(thrown);
      throw unreachable(cause, doing, options);
    }
  };
}

// Linode sends it with every answer, as the time until its count begins anew: a success asks nobody to wait.
function askedToWait(
  { status, headers }: Pick<AxiosResponse, 'status' | 'headers'>,
  now: Date,
): number | undefined {
  const header: unknown = headers['retry-after'];
  return status >= 400 && typeof header === 'string' ? retryAfter(header, now) : undefined;
}

function unreachable(cause: unknown, doing: string, { title, secrets }: HttpOptions): IngressError {
  const sentence = `${title} could not be asked to ${doing}: ${clean(rootMessage(cause), secrets)}`;
  return new IngressError('PROVIDER_UNREACHABLE', sentence, { cause });
}

// The client's own error carries the whole request, credentials included.
function plain(thrown: unknown): unknown {
  if (!isAxiosError(thrown)) return thrown;
  const { cause = thrown } = thrown;
  // A parser's error carries the packet, in which the other side may repeat what was sent.
  const code = 'code' in cause ? { code: cause.code } : {};
  return Object.assign(new Error(cause.message), code);
}
