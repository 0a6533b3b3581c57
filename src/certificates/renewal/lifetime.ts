import type { CertificateFacts } from '../certificate.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Let's Encrypt halves its own rule below this. */
const SHORT_MS = 10 * DAY_MS;

/** Fractions of a lifetime, and their names in sentences. */
interface Fractions {
  /** Left when renewal is due. */
  readonly due: number;
  /** Left when renewal is urgent. */
  readonly urgent: number;
  /** Over before RENEW_DAYS_BEFORE can make renewal due. */
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

/** Let's Encrypt permits another certificate for the same set of names every 34 hours. */
const MIN_INTERVAL_MS = 36 * HOUR_MS;

/** The moments of a certificate's lifetime that matter for its renewal, in milliseconds of the epoch. */
export interface RenewalTimes {
  readonly end: number;
  readonly dueAt: number;
  readonly urgentAt: number;
  /** The earliest moment that RENEW_DAYS_BEFORE can make renewal due. */
  readonly minAgeAt: number;
  readonly words: Fractions['words'];
  /** Least milliseconds between two issuances: a sixth of the lifetime, but no less than a CA's limits permit. */
  readonly minIntervalMs: number;
  /** The same once renewal is urgent. */
  readonly urgentMinIntervalMs: number;
}

/** The renewal times of a certificate. Pure. */
export function renewalTimes({
  notBefore,
  notAfter,
}: Pick<CertificateFacts, 'notBefore' | 'notAfter'>): RenewalTimes {
  const end = notAfter.getTime();
  const lifetimeMs = end - notBefore.getTime();
  const { due, urgent, minAge, words } = fractionsOf(lifetimeMs);
  // So that two regular renewals, at half of the lifetime, are never too close.
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
 * Why a certificate of this lifetime (milliseconds) is not renewed when RENEW_DAYS_BEFORE says, the CA's advice aside; undefined when it
 * is. Days are rounded to tenths, since lifetimes are a second short of whole days. Pure.
 */
export function whyDaysBeforeFails(daysBefore: number, lifetimeMs: number): string | undefined {
  const { due, minAge, words } = fractionsOf(lifetimeMs);
  const lifetime = `a certificate of ${tenths(lifetimeMs)} days`;
  const most = tenths(lifetimeMs * (1 - minAge));
  const least = tenths(lifetimeMs * due);
  if (daysBefore > most)
    return `RENEW_DAYS_BEFORE=${daysBefore} is too much for ${lifetime}: it is renewed when ${most} days are left, after ${words.minAge} of its lifetime`;
  if (daysBefore < least)
    return `RENEW_DAYS_BEFORE=${daysBefore} has no effect on ${lifetime}: it is renewed when ${least} days are left, ${words.due} of its lifetime`;
  return undefined;
}

function fractionsOf(lifetimeMs: number): Fractions {
  return lifetimeMs < SHORT_MS ? SHORT : USUAL;
}

/** Days, rounded to tenths. */
function tenths(ms: number): number {
  return Math.round((ms / DAY_MS) * 10) / 10;
}
