import type { CertificateFacts } from '../certificate.ts';
import type { RenewalAdvice } from './ari.ts';
import { type RenewalTimes, renewalTimes } from './lifetime.ts';

/** What to do about a certificate now, with a reason that a person understands. */
export type RenewalDecision =
  | {
      readonly action: 'order';
      /** Nothing is served, or what is served ends soon. */
      readonly urgent: boolean;
      readonly reason: string;
    }
  | {
      readonly action: 'keep';
      /** When it becomes due, as far as is known now. */
      readonly until: Date;
      readonly reason: string;
    };

/** What the decision is made from. */
export interface RenewalInputs {
  readonly certificate: CertificateFacts | undefined;
  /** Why it cannot be served, in words. */
  readonly unusable: string | undefined;
  /** What its CA advises. */
  readonly advice: RenewalAdvice | undefined;
  /** When certificates for these names were issued lately, by the clock that `now` is of; in any order. */
  readonly issuedAt: readonly Date[];
  /** RENEW_DAYS_BEFORE: it is to be renewed when at most so many days are left. */
  readonly daysBefore: number | undefined;
  readonly now: Date;
  /** In [0, 1); the same for a certificate every time, as momentOf gives it. */
  readonly jitter: number;
}

/**
 * Decides whether a certificate is ordered now. Pure.
 *
 * - None, or one that cannot be served: at once.
 * - As its CA advises (RFC 9773): at a random moment of the window, which is at once when the window has passed.
 * - Without advice: when a third of the lifetime is left, half where it is under ten days (Let's Encrypt's own rule).
 * - RENEW_DAYS_BEFORE can make that earlier, but not before a third of the lifetime is over (half where it is under ten days).
 * - When a sixth is left, a quarter where it is under ten days, whatever anybody advises: it is urgent. That leaves a certificate of
 *   90 days two weeks, and one of 160 hours 40 hours.
 *
 * As long as a certificate can be served, issuances keep a distance (`freeFrom`) whatever makes it due, so that neither advice that
 * is always in the past nor a clock that is far ahead makes a loop. Without one there is nothing to wait with; what the CA's limits then
 * permit is not decided here.
 */
export function decideRenewal(question: RenewalInputs): RenewalDecision {
  const { certificate, unusable, issuedAt, daysBefore, now } = question;
  if (!certificate) return { action: 'order', urgent: true, reason: 'there is no certificate yet' };
  if (unusable !== undefined)
    return { action: 'order', urgent: true, reason: `the certificate cannot be served: ${unusable}` };
  const life = renewalTimes(certificate);
  const issuances = latestOf(issuedAt, now);
  const usual = adviceGround(question, life, issuances);
  const wish = daysBefore === undefined ? [] : [wishGround(daysBefore, life)];
  const emergency = { at: life.urgentAt, why: () => isLeft(life.words.emergency) };
  const grounds = [
    ...[usual, ...wish].map((ground) => held(ground, issuances, life.minIntervalMs)),
    held(emergency, issuances, life.urgentMinIntervalMs),
  ];
  const first = grounds.reduce((one, other) => (other.from < one.from ? other : one));
  if (now.getTime() < first.from)
    return { action: 'keep', until: new Date(first.from), reason: whyKept(first, issuances, now) };
  const urgent = now.getTime() >= life.urgentAt;
  const { at, why } = urgent ? emergency : first;
  const reason = `renewal has been due since ${iso(at)}: ${why()}; the certificate ends at ${iso(life.end)}`;
  return { action: 'order', urgent, reason };
}

/**
 * The moment from which a certificate is due when its CA gives no advice. One that has passed it when it is issued would
 * have to be renewed at once.
 */
export function renewalDue(certificate: CertificateFacts): Date {
  return new Date(renewalTimes(certificate).dueAt);
}

/** Something that makes a certificate due. */
interface Ground {
  /** In milliseconds of the epoch. */
  readonly at: number;
  /** Stands behind a sentence that has said when. */
  readonly why: () => string;
}

/** A ground, and the moment from which a certificate may be ordered for it: later where some were issued lately. */
interface HeldGround extends Ground {
  readonly from: number;
}

function held(ground: Ground, issuances: Issuances, distanceMs: number): HeldGround {
  return { ...ground, from: Math.max(ground.at, freeFrom(issuances, distanceMs)) };
}

function adviceGround(
  { advice, jitter: random }: RenewalInputs,
  { words, dueAt: due, minIntervalMs: distanceMs }: RenewalTimes,
  issuances: Issuances,
): Ground {
  if (!advice) return { at: due, why: () => isLeft(words.due) };
  const at = momentIn(advice, random);
  if (!isRepeated(at, issuances, distanceMs)) return { at, why: () => describe(advice) };
  const why = () =>
    `${isLeft(words.due)}; ${describe(advice)}, which had passed when the certificate was issued, as with the one before it`;
  return { at: due, why };
}

function wishGround(daysBefore: number, { end, minAgeAt: lived, words }: RenewalTimes): Ground {
  const wish = end - daysBefore * DAY_MS;
  const cap = wish < lived ? `, but not before ${words.lived} of the lifetime is over` : '';
  return { at: Math.max(wish, lived), why: () => `RENEW_DAYS_BEFORE=${daysBefore} asks for it${cap}` };
}

const DAY_MS = 86_400_000;

function momentIn({ window: { start, end } }: RenewalAdvice, random: number): number {
  return start.getTime() + random * (end.getTime() - start.getTime());
}

/** The two latest issuances, in milliseconds of the epoch. */
interface Issuances {
  readonly last: number | undefined;
  readonly previous: number | undefined;
}

/** Issuances of the future are left out: a clock that was ahead once must not hold up anything until it is there again. */
function latestOf(issuedAt: readonly Date[], now: Date): Issuances {
  let [last, previous]: (number | undefined)[] = [];
  for (const at of issuedAt) {
    const moment = at.getTime();
    if (moment > now.getTime()) continue;
    if (last === undefined || moment > last) [last, previous] = [moment, last];
    else if (previous === undefined || moment > previous) previous = moment;
  }
  return { last, previous };
}

/**
 * The moment from which the next certificate may be issued for the same names: one in each distance, or two in twice as long. The second
 * at once is there for what nobody can foresee: a certificate that was issued yesterday and is to be revoked today is
 * replaced today. A loop has to go on at one in each distance, which the CA's limits bear even without the exemption for renewals.
 */
function freeFrom({ last, previous }: Issuances, distanceMs: number): number {
  if (last === undefined || previous === undefined) return Number.NEGATIVE_INFINITY;
  return Math.min(previous + 2 * distanceMs, last + distanceMs);
}

/**
 * Whether the CA asks a second time for a moment that had passed before the last certificate was issued. That is followed once: when the
 * replacement is told the same, it says nothing about the certificate.
 */
function isRepeated(asked: number, { last, previous }: Issuances, distanceMs: number): boolean {
  if (last === undefined || previous === undefined) return false;
  return asked <= last && last - previous < 2 * distanceMs;
}

function whyKept({ at, from, why }: HeldGround, { last, previous }: Issuances, now: Date): string {
  const verb = now.getTime() < at ? 'is due at' : 'has been due since';
  const due = `renewal ${verb} ${iso(at)}: ${why()}`;
  if (from === at) return due;
  const recent = [previous, last]
    .flatMap((moment) => (moment === undefined ? [] : iso(moment)))
    .join(' and ');
  return `${due}, but certificates for these names were issued at ${recent}: no other one before ${iso(from)}`;
}

function isLeft(part: string): string {
  return `${part} or less of the lifetime is left from then on`;
}

function describe({ window: { start, end }, explanationUrl }: RenewalAdvice): string {
  const see = explanationUrl === undefined ? '' : ` (see ${explanationUrl})`;
  return `the CA asks for it between ${start.toISOString()} and ${end.toISOString()}${see}`;
}

function iso(moment: number): string {
  return new Date(moment).toISOString();
}
