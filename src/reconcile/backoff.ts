import { isProblem } from '../acme/problem.ts';
import { isIngressError } from '../errors.ts';

/** How often in a row something failed. */
export interface Failures {
  /** Passes, for whatever reason. */
  readonly passes: number;
  /** Attempts that the certificate authority refused; these count against its limits. */
  readonly refusals: number;
}

/** When to try again. */
export interface Retry {
  /** Milliseconds until the next pass. */
  readonly passMs: number;
  /** Milliseconds until the next order may be made; 0 when the failure has cost nothing at the CA. */
  readonly orderMs: number;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** Let's Encrypt's advice for what it refused: 1, 10, 100 minutes, then daily. */
const REFUSED_MS = [MINUTE, 10 * MINUTE, 100 * MINUTE, DAY] as const;
const FIRST_MS = 5 * SECOND;
const LONGEST_MS = 10 * MINUTE;

/**
 * How long to wait after a failure. `failures` counts this one; `random` is in [0, 1) and spreads the attempts of many
 * containers by up to a tenth. Pure.
 */
export function retryAfter(thrown: unknown, failures: Failures, random: number): Retry {
  const asked = (isIngressError(thrown) ? thrown.retryAfterMs : undefined) ?? 0;
  const spread = 1 + random / 10;
  const refused = isRefusal(thrown) ? (REFUSED_MS[failures.refusals - 1] ?? DAY) : 0;
  const orderMs = isRefusal(thrown) ? Math.max(asked, refused * spread) : 0;
  const backoff = Math.min(FIRST_MS * 2 ** (failures.passes - 1), LONGEST_MS) * spread;
  return { passMs: Math.round(Math.max(backoff, asked, orderMs)), orderMs: Math.round(orderMs) };
}

/** Whether the certificate authority said no, and will count the next attempt too. */
export function isRefusal(thrown: unknown): boolean {
  if (isProblem(thrown, 'accountDoesNotExist')) return false;
  return (
    isIngressError(thrown, 'ACME_ORDER_FAILED') ||
    isIngressError(thrown, 'ACME_PROBLEM') ||
    isIngressError(thrown, 'CERTIFICATE_UNUSABLE')
  );
}
