import { DAY_MS, HOUR_MS } from '../../duration.ts';
import type { CertificateFacts } from '../certificate.ts';

/** Below this, renewal is due at half of the lifetime (Let's Encrypt's own rule). */
const SHORT_MS = 10 * DAY_MS;

/** Fractions of a lifetime, and their names in messages. */
interface Fractions {
  /** The remaining fraction when renewal becomes due. */
  readonly due: number;
  /** The remaining fraction when renewal becomes urgent. */
  readonly urgent: number;
  /** The elapsed fraction before which RENEW_DAYS_BEFORE has no effect. */
  readonly minAge: number;
  readonly words: { readonly due: string; readonly urgent: string; readonly minAge: string };
}

const USUAL: Fractions = {
  ...{ due: 1 / 3, urgent: 1 / 6, minAge: 1 / 3 },
  words: { due: 'a third', urgent: 'a sixth', minAge: 'a third' },
};
const SHORT: Fractions = {
  ...{ due: 1 / 2, urgent: 1 / 4, minAge: 1 / 2 },
  words: { due: 'half', urgent: 'a quarter', minAge: 'half' },
};

/** Let's Encrypt allows another certificate for the same set of names every 34 hours. */
const MIN_INTERVAL_MS = 36 * HOUR_MS;

/** The times that matter for the renewal of a certificate, in milliseconds of the epoch. */
export interface RenewalTimes {
  readonly end: number;
  readonly dueAt: number;
  readonly urgentAt: number;
  /** The earliest time at which RENEW_DAYS_BEFORE can make renewal due. */
  readonly minAgeAt: number;
  readonly words: Fractions['words'];
  /**
   * Minimum interval between issuances in milliseconds: a sixth of the lifetime, but no shorter
   * than a CA's limits allow.
   */
  readonly minIntervalMs: number;
  /** The same once renewal is urgent. */
  readonly urgentMinIntervalMs: number;
}

/** A value of RENEW_DAYS_BEFORE that does not determine when a certificate is renewed. */
export interface DaysBeforeFault {
  readonly kind: 'too-much' | 'no-effect';
  /** The days before the end at which the certificate is renewed. */
  readonly renewedDaysBefore: number;
  /** For the user. */
  readonly words: string;
}

/** The renewal times of a certificate. Pure. */
export function renewalTimes({
  notBefore,
  notAfter,
}: Pick<CertificateFacts, 'notBefore' | 'notAfter'>): RenewalTimes {
  const end = notAfter.getTime();
  const lifetimeMs = end - notBefore.getTime();
  const { due, urgent, minAge, words } = fractionsOf(lifetimeMs);
  // Two regular renewals, at half of the lifetime, are then never too close.
  const longestMs = lifetimeMs / 4;
  return {
    ...{ end, words },
    dueAt: end - lifetimeMs * due,
    urgentAt: end - lifetimeMs * urgent,
    minAgeAt: notBefore.getTime() + lifetimeMs * minAge,
    minIntervalMs: Math.min(Math.max(MIN_INTERVAL_MS, lifetimeMs / 6), longestMs),
    urgentMinIntervalMs: Math.min(MIN_INTERVAL_MS, longestMs),
  };
}

/**
 * Why RENEW_DAYS_BEFORE does not determine when a certificate of this lifetime (milliseconds) is
 * renewed, regardless of the CA's advice; undefined if it does. Days are rounded to tenths, because
 * lifetimes are a second short of whole days. Pure.
 */
export function whyDaysBeforeFails(daysBefore: number, lifetimeMs: number): DaysBeforeFault | undefined {
  const { due, minAge, words: fractions } = fractionsOf(lifetimeMs);
  const lifetime = `a certificate of ${tenths(lifetimeMs)} days`;
  const most = tenths(lifetimeMs * (1 - minAge));
  const least = tenths(lifetimeMs * due);
  if (daysBefore > most) {
    const words = `RENEW_DAYS_BEFORE=${daysBefore} is too large for ${lifetime}: it is renewed when ${most} days are left, after ${fractions.minAge} of its lifetime`;
    return { kind: 'too-much', renewedDaysBefore: most, words };
  }
  if (daysBefore < least) {
    const words = `RENEW_DAYS_BEFORE=${daysBefore} has no effect on ${lifetime}: it is renewed when ${least} days are left, ${fractions.due} of its lifetime`;
    return { kind: 'no-effect', renewedDaysBefore: least, words };
  }
  return undefined;
}

function fractionsOf(lifetimeMs: number): Fractions {
  return lifetimeMs < SHORT_MS ? SHORT : USUAL;
}

/** Days, rounded to tenths. */
function tenths(ms: number): number {
  return Math.round((ms / DAY_MS) * 10) / 10;
}
