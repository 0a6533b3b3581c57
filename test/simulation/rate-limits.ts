/**
 * Let's Encrypt's rate limits as token buckets (https://letsencrypt.org/docs/rate-limits/, autumn 2026), for one account with one name. A model
 * of its own, which knows nothing of what the ingress does to keep them. Moments in milliseconds.
 */
export interface RateLimits {
  /** A new order. One that is exempt is the first that replaces its certificate (RFC 9773 §5). */
  order(time: number, exempt: boolean): void;
  /** A certificate was issued for it. */
  issue(time: number, exempt: boolean): void;
  /** The name could not be validated. */
  fail(time: number): void;
  /** What was asked for while a limit did not permit it, in words. */
  readonly exceeded: readonly string[];
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

export function createRateLimits(): RateLimits {
  const orders = createBucket(300, 36 * SECOND);
  const sameNames = createBucket(5, 34 * HOUR);
  const registeredDomain = createBucket(50, 202 * MINUTE);
  const failures = createBucket(5, 12 * MINUTE);
  const exceeded: string[] = [];
  let failuresInARow = 0;

  const note = (isExceeded: boolean, limit: string, time: number) => {
    if (isExceeded) exceeded.push(`${limit} on day ${(time / (24 * HOUR)).toFixed(2)}`);
  };
  return {
    exceeded,
    order(time, exempt) {
      // What failed counts for every order.
      note(failures.isEmpty(time), 'failed authorizations', time);
      note(failuresInARow >= 1152, 'failed authorizations in a row', time);
      if (exempt) return;
      note(sameNames.isEmpty(time), 'certificates for the same names', time);
      note(registeredDomain.isEmpty(time), 'certificates for the registered domain', time);
      note(!orders.take(time), 'new orders', time);
    },
    issue(time, exempt) {
      failuresInARow = 0;
      if (exempt) return;
      sameNames.take(time);
      registeredDomain.take(time);
    },
    fail(time) {
      failuresInARow++;
      failures.take(time);
    },
  };
}

/** Holds so many tokens, and gets one back in each interval. */
function createBucket(capacity: number, intervalMs: number) {
  let tokens = capacity;
  let asOf = 0;
  const refill = (time: number) => {
    tokens = Math.min(capacity, tokens + (time - asOf) / intervalMs);
    asOf = time;
  };
  return {
    isEmpty(time: number): boolean {
      refill(time);
      return tokens < 1;
    },
    /** False when there was none. */
    take(time: number): boolean {
      refill(time);
      if (tokens < 1) return false;
      tokens--;
      return true;
    },
  };
}
