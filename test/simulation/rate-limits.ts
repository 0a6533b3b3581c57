/**
 * Let's Encrypt's rate limits as token buckets (https://letsencrypt.org/docs/rate-limits/, autumn
 * 2026), for one account with one name. A model independent of the ingress's own limits. Times in
 * milliseconds.
 */
export interface RateLimits {
  /**
   * Records a new order. It is exempt if it is the first to replace its certificate (RFC 9773 §5).
   */
  order(time: number, exempt: boolean): void;
  /** Records an issuance. */
  issue(time: number, exempt: boolean): void;
  /** Records a failed validation of the name. */
  fail(time: number): void;
  /** Descriptions of the requests that exceeded a limit. */
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

  const check = (isExceeded: boolean, limit: string, time: number) => {
    if (isExceeded) exceeded.push(`${limit} on day ${(time / (24 * HOUR)).toFixed(2)}`);
  };
  return {
    exceeded,
    order(time, exempt) {
      // Failures limit exempt orders too.
      check(failures.isEmpty(time), 'failed authorizations', time);
      check(failuresInARow >= 1152, 'failed authorizations in a row', time);
      if (exempt) return;
      check(sameNames.isEmpty(time), 'certificates for the same names', time);
      check(registeredDomain.isEmpty(time), 'certificates for the registered domain', time);
      check(!orders.take(time), 'new orders', time);
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

/** A bucket of `capacity` tokens that regains one in each interval. */
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
    /** Takes a token; false if there is none. */
    take(time: number): boolean {
      refill(time);
      if (tokens < 1) return false;
      tokens--;
      return true;
    },
  };
}
