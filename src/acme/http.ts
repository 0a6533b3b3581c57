import type { Clock } from '../clock.ts';
import { createOutgoing, type Outgoing } from '../net/outgoing.ts';
import { parseRetryAfter } from '../net/retry-after.ts';
import { clockSkewMs } from './clock-skew.ts';

/** Milliseconds that a request may take, its answer included. */
export const TIMEOUT_MS = 30_000;
/** Bytes of an answer; a chain has a few thousand. */
export const MAX_BODY_BYTES = 1 << 20;

/** An answer as it came. */
export interface ObservedResponse {
  readonly url: string;
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** When it was asked for, by our clock. */
  readonly sentAt: Date;
}

/**
 * What one authority says of itself in every request, and what the headers of its answers said last. Each authority has
 * its own, whichever HTTP client asks.
 */
export interface HttpContext {
  readonly userAgent: string;
  readonly clock: Clock;
  readonly outgoing: Outgoing;
  /** Notes an answer. Gives its Retry-After in milliseconds. */
  observe(answer: ObservedResponse): number | undefined;
  /** Milliseconds that the last answer for this URL asked to wait. */
  retryAfterMs(url: string): number | undefined;
  /** Milliseconds that the CA's clock was before ours at the last answer that told the time. */
  skewMs(): number | undefined;
  /** When the last answer came, by our clock. */
  lastResponseAt(): Date | undefined;
}

export function createHttpContext(userAgent: string, clock: Clock, outgoing = createOutgoing()): HttpContext {
  const advice = new Map<string, number>();
  let skewMs: number | undefined;
  let heardAt: Date | undefined;
  return {
    userAgent,
    clock,
    outgoing,
    observe({ url, headers, sentAt }) {
      const received = clock.now();
      const { date, age } = headers;
      const skew = clockSkewMs({ date, age, sentAt: sentAt, receivedAt: received });
      skewMs = skew ?? skewMs;
      heardAt = received;
      // A moment that the CA names is one by its own clock.
      const theirNow = new Date(received.getTime() + (skew ?? 0));
      const retryAfterMs = parseRetryAfter(headers['retry-after'], theirNow);
      if (retryAfterMs === undefined) advice.delete(url);
      else advice.set(url, retryAfterMs);
      return retryAfterMs;
    },
    retryAfterMs: (url) => advice.get(url),
    skewMs: () => skewMs,
    lastResponseAt: () => heardAt,
  };
}
