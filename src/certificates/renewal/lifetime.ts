import type { CertificateFacts } from '../certificate.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Let's Encrypt halves its own rule below this. */
const SHORT_MS = 10 * DAY_MS;

/** Parts of a lifetime, and what they are called. */
interface Parts {
  /** What is left when a certificate is due. */
  readonly due: number;
  /** What is left when that is urgent. */
  readonly urgent: number;
  /** What has to be over before RENEW_DAYS_BEFORE counts. */
  readonly minAge: number;
  readonly words: { readonly due: string; readonly emergency: string; readonly lived: string };
}

const USUAL: Parts = {
  ...{ due: 1 / 3, urgent: 1 / 6, minAge: 1 / 3 },
  words: { due: 'a third', emergency: 'a sixth', lived: 'a third' },
};
const SHORT: Parts = {
  ...{ due: 1 / 2, urgent: 1 / 4, minAge: 1 / 2 },
  words: { due: 'half', emergency: 'a quarter', lived: 'half' },
};

/** Let's Encrypt gives one certificate for the same set of names back every 34 hours. */
const LEAST_DISTANCE_MS = 36 * HOUR_MS;

/** What counts in the life of a certificate; moments in milliseconds of the epoch. */
export interface RenewalTimes {
  readonly end: number;
  readonly dueAt: number;
  readonly urgentAt: number;
  /** RENEW_DAYS_BEFORE makes it due from here on. */
  readonly minAgeAt: number;
  readonly words: Parts['words'];
  /** Milliseconds that should be between two issuances: a sixth of the lifetime, but no less than a CA's limits bear. */
  readonly minIntervalMs: number;
  /** The same once it is urgent. */
  readonly urgentMinIntervalMs: number;
}

/** The moments of a certificate's life that count for its renewal. Pure. */
export function renewalTimes({
  notBefore,
  notAfter,
}: Pick<CertificateFacts, 'notBefore' | 'notAfter'>): RenewalTimes {
  const end = notAfter.getTime();
  const lifetimeMs = end - notBefore.getTime();
  const { due, urgent: emergency, minAge: lived, words } = partsOf(lifetimeMs);
  // Two renewals at half of the lifetime, which are as they should be, are never too close to each other.
  const longestMs = lifetimeMs / 4;
  return {
    ...{ end, words },
    dueAt: end - lifetimeMs * due,
    urgentAt: end - lifetimeMs * emergency,
    minAgeAt: notBefore.getTime() + lifetimeMs * lived,
    minIntervalMs: Math.min(Math.max(LEAST_DISTANCE_MS, lifetimeMs / 6), longestMs),
    urgentMinIntervalMs: Math.min(LEAST_DISTANCE_MS, longestMs),
  };
}

/**
 * Says why a certificate of this lifetime (milliseconds) is not renewed when RENEW_DAYS_BEFORE says, its CA's advice aside;
 * undefined when it is. To a tenth of a day, since lifetimes are a second short of whole days. Pure.
 */
export function whyDaysBeforeFails(daysBefore: number, lifetimeMs: number): string | undefined {
  const { due, minAge: lived, words } = partsOf(lifetimeMs);
  const lifetime = `a certificate of ${tenths(lifetimeMs)} days`;
  const most = tenths(lifetimeMs * (1 - lived));
  const least = tenths(lifetimeMs * due);
  if (daysBefore > most)
    return `RENEW_DAYS_BEFORE=${daysBefore} is too much for ${lifetime}: it is renewed when ${most} days are left, after ${words.lived} of its lifetime`;
  if (daysBefore < least)
    return `RENEW_DAYS_BEFORE=${daysBefore} has no effect on ${lifetime}: it is renewed when ${least} days are left, ${words.due} of its lifetime`;
  return undefined;
}

function partsOf(lifetimeMs: number): Parts {
  return lifetimeMs < SHORT_MS ? SHORT : USUAL;
}

/** In days. */
function tenths(ms: number): number {
  return Math.round((ms / DAY_MS) * 10) / 10;
}
