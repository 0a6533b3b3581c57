import { isProblem, PROBLEM_PREFIX, problemOf } from '../acme/problem.ts';
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../duration.ts';
import { isIngressError } from '../errors.ts';

/** Let's Encrypt's advice after a refusal: 1, 10, 100 minutes, then daily. */
const REFUSED_MS = [MINUTE_MS, 10 * MINUTE_MS, 100 * MINUTE_MS, DAY_MS] as const;
const FIRST_MS = 5 * SECOND_MS;
const LONGEST_MS = 10 * MINUTE_MS;

/**
 * The longest Retry-After that is followed: a longer one means that a clock is wrong. Let's
 * Encrypt's longest window is 7 days.
 */
const LONGEST_ORDER_RETRY_AFTER_MS = 7 * DAY_MS;
const LONGEST_RUN_RETRY_AFTER_MS = 60 * MINUTE_MS;

/** The longest wait for a retry. */
export const LONGEST_RETRY_MS = LONGEST_ORDER_RETRY_AFTER_MS;

/**
 * Milliseconds until the next run after `failures` that failed in a row. `random` is in [0, 1) and
 * spreads the attempts of many containers by up to a tenth. Pure.
 */
export function reconcileDelayMs(thrown: unknown, failures: number, random: number): number {
  const backoff = Math.min(FIRST_MS * 2 ** (failures - 1), LONGEST_MS) * spread(random);
  return Math.round(Math.max(backoff, Math.min(retryAfterMsOf(thrown), LONGEST_RUN_RETRY_AFTER_MS)));
}

/**
 * Milliseconds until the next order after `refusals` in a row, including this one; 0 when the
 * failure has cost nothing at the CA. `random` as above. Pure.
 */
export function orderDelayMs(thrown: unknown, refusals: number, random: number): number {
  if (!isRefusal(thrown)) return 0;
  const refused = (REFUSED_MS[refusals - 1] ?? DAY_MS) * spread(random);
  return Math.round(Math.max(refused, Math.min(retryAfterMsOf(thrown), LONGEST_ORDER_RETRY_AFTER_MS)));
}

function spread(random: number): number {
  return 1 + random / 10;
}

function retryAfterMsOf(thrown: unknown): number {
  return (isIngressError(thrown) ? thrown.retryAfterMs : undefined) ?? 0;
}

/**
 * Whether a failure counts against the CA's limits: it refused the order, or it issued a
 * certificate that cannot be used. An outage (a 5xx, an intercepting proxy's page) does not count.
 * Nor does an account that the CA no longer knows, or whose owner has to act: once that is
 * resolved, the next order must not wait for a day.
 */
export function isRefusal(thrown: unknown): boolean {
  if (isIngressError(thrown, 'ACME_ORDER_FAILED') || isIngressError(thrown, 'CERTIFICATE_UNUSABLE'))
    return true;
  if (!isIngressError(thrown, 'ACME_PROBLEM')) return false;
  const { type = '', status = 0 } = problemOf(thrown) ?? {};
  const isTransient = ['badNonce', 'serverInternal', 'accountDoesNotExist', 'userActionRequired'].some(
    (name) => isProblem(thrown, name),
  );
  return type.startsWith(PROBLEM_PREFIX) && status < 500 && !isTransient;
}
