import { isProblem, PROBLEM_PREFIX, problemOf } from '../acme/problem.ts';
import { isIngressError } from '../errors.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** Let's Encrypt's advice for what it refused: 1, 10, 100 minutes, then daily. */
const REFUSED_MS = [MINUTE, 10 * MINUTE, 100 * MINUTE, DAY] as const;
const FIRST_MS = 5 * SECOND;
const LONGEST_MS = 10 * MINUTE;

/**
 * What anybody may ask us to wait: beyond it a clock is wrong, theirs or ours. Let's Encrypt's
 * longest window is 7 days.
 */
const LONGEST_ASKED_ORDER_MS = 7 * DAY;
const LONGEST_ASKED_PASS_MS = 60 * MINUTE;

/** No attempt is put off for longer. */
export const LONGEST_RETRY_MS = LONGEST_ASKED_ORDER_MS;

/**
 * Milliseconds until the next round after one that has failed `passes` times in a row. `random` is
 * in [0, 1) and spreads the attempts of many containers by up to a tenth. Pure.
 */
export function reconcileDelayMs(thrown: unknown, passes: number, random: number): number {
  const backoff = Math.min(FIRST_MS * 2 ** (passes - 1), LONGEST_MS) * spread(random);
  return Math.round(Math.max(backoff, Math.min(askedMs(thrown), LONGEST_ASKED_PASS_MS)));
}

/**
 * Milliseconds until the next order after `refusals` in a row, this one counted; 0 when the failure
 * has cost nothing at the CA. `random` as above. Pure.
 */
export function orderDelayMs(thrown: unknown, refusals: number, random: number): number {
  if (!isRefusal(thrown)) return 0;
  const refused = (REFUSED_MS[refusals - 1] ?? DAY) * spread(random);
  return Math.round(Math.max(refused, Math.min(askedMs(thrown), LONGEST_ASKED_ORDER_MS)));
}

function spread(random: number): number {
  return 1 + random / 10;
}

function askedMs(thrown: unknown): number {
  return (isIngressError(thrown) ? thrown.retryAfterMs : undefined) ?? 0;
}

/**
 * Whether the next attempt counts at the certificate authority too: it said no, or it issued what
 * cannot be used. An outage (a 5xx, a page of somebody between) is none, and neither is an account
 * that it forgot, or that its owner has to do something about: who has done it should not wait for
 * a day.
 */
export function isRefusal(thrown: unknown): boolean {
  if (isIngressError(thrown, 'ACME_ORDER_FAILED') || isIngressError(thrown, 'CERTIFICATE_UNUSABLE'))
    return true;
  if (!isIngressError(thrown, 'ACME_PROBLEM')) return false;
  const { type = '', status = 0 } = problemOf(thrown) ?? {};
  const passing = ['badNonce', 'serverInternal', 'accountDoesNotExist', 'userActionRequired'].some((name) =>
    isProblem(thrown, name),
  );
  return type.startsWith(PROBLEM_PREFIX) && status < 500 && !passing;
}
