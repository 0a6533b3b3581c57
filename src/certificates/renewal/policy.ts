import { DAY_MS } from '../../duration.ts';
import type { CertificateFacts } from '../certificate.ts';
import type { RenewalAdvice } from './ari.ts';
import { type RenewalTimes, renewalTimes } from './lifetime.ts';

/**
 * The rule that decides: `missing` and `unusable` override all others; of the others, the one that
 * makes renewal due first. `advice-repeated`: the lifetime rule, because advice whose time had
 * passed is not followed twice.
 */
export type RenewalRule =
  | 'missing'
  | 'unusable'
  | 'advice'
  | 'advice-repeated'
  | 'lifetime'
  | 'days-before'
  | 'urgent';

/** What to do about a certificate now, and why. */
export type RenewalDecision =
  | {
      readonly action: 'order';
      /** Nothing can be served, or the certificate ends soon. */
      readonly urgent: boolean;
      readonly rule: RenewalRule;
      /** The rule as a sentence. */
      readonly reason: string;
    }
  | {
      readonly action: 'keep';
      /** When renewal becomes due, as far as is known now. */
      readonly until: Date;
      readonly rule: RenewalRule;
      /** Whether recent issuances defer it beyond the time of the rule. */
      readonly isSpaced: boolean;
      /** The rule as a sentence. */
      readonly reason: string;
    };

/** The inputs of the decision. */
export interface RenewalInputs {
  readonly certificate: CertificateFacts | undefined;
  /** Why it cannot be served, in words. */
  readonly unusable: string | undefined;
  /** The advice of its CA. */
  readonly advice: RenewalAdvice | undefined;
  /**
   * When certificates for these names were recently issued, by the same clock as `now`, in any
   * order.
   */
  readonly issuedAt: readonly Date[];
  /** RENEW_DAYS_BEFORE: renew when at most this many days are left. */
  readonly daysBefore: number | undefined;
  readonly now: Date;
  /** In [0, 1), and constant for a certificate: see `renewalJitter`. */
  readonly jitter: number;
}

/**
 * Decides whether to order a certificate now. Pure.
 *
 * - No certificate, or one that cannot be served: now.
 * - The CA gives advice (RFC 9773): at a random time within the window; now if that has passed.
 * - No advice: when a third of the lifetime is left, half of a lifetime under ten days (Let's
 *   Encrypt's own rule).
 * - RENEW_DAYS_BEFORE can make that earlier, but not before a third of the lifetime is over (half
 *   of one under ten days).
 * - When a sixth is left (a quarter of a lifetime under ten days) renewal is urgent, whatever the
 *   advice. That leaves two weeks for a certificate of 90 days, and 40 hours for one of 160 hours.
 *
 * While a certificate can be served, there is a minimum interval between issuances (`freeFrom`),
 * whatever makes renewal due: neither advice that is always in the past nor a clock far ahead
 * causes a loop. Without a certificate that can be served there is no such interval; the CA's
 * limits are applied elsewhere.
 */
export function decideRenewal(inputs: RenewalInputs): RenewalDecision {
  const { certificate, unusable, issuedAt, daysBefore, now } = inputs;
  if (!certificate)
    return { action: 'order', urgent: true, rule: 'missing', reason: 'there is no certificate yet' };
  if (unusable !== undefined) {
    const reason = `the certificate cannot be served: ${unusable}`;
    return { action: 'order', urgent: true, rule: 'unusable', reason };
  }
  const times = renewalTimes(certificate);
  const issuances = latestOf(issuedAt, now);
  const usual = adviceTrigger(inputs, times, issuances);
  const configured = daysBefore === undefined ? [] : [daysBeforeTrigger(daysBefore, times)];
  const urgency: Trigger = {
    rule: 'urgent',
    at: times.urgentAt,
    why: (isPast) => isLeft(times.words.urgent, isPast),
  };
  const triggers = [
    ...[usual, ...configured].map((trigger) => spaced(trigger, issuances, times.minIntervalMs)),
    spaced(urgency, issuances, times.urgentMinIntervalMs),
  ];
  const first = triggers.reduce((one, other) => (other.from < one.from ? other : one));
  if (now.getTime() < first.from)
    return {
      action: 'keep',
      until: new Date(first.from),
      rule: first.rule,
      isSpaced: first.from > first.at,
      reason: describeWait(first, issuances, now),
    };
  const urgent = now.getTime() >= times.urgentAt;
  const { rule, at, why } = urgent ? urgency : first;
  const reason = `renewal has been due since ${iso(at)}: ${why(true)}; the certificate ends at ${iso(times.end)}`;
  return { action: 'order', urgent, rule, reason };
}

/**
 * When renewal becomes due without advice of the CA. A certificate that was issued after that time
 * would be renewed at once.
 */
export function renewalDue(certificate: CertificateFacts): Date {
  return new Date(renewalTimes(certificate).dueAt);
}

/** A rule, and the time at which it makes renewal due. */
interface Trigger {
  readonly rule: RenewalRule;
  /** Milliseconds of the epoch. */
  readonly at: number;
  /** The reason, as the end of a sentence that says when. `isPast`: that time has passed. */
  readonly why: (isPast: boolean) => string;
}

/**
 * A trigger, and the time from which it may lead to an order: later if certificates were issued
 * recently.
 */
interface SpacedTrigger extends Trigger {
  readonly from: number;
}

function spaced(trigger: Trigger, issuances: Issuances, minIntervalMs: number): SpacedTrigger {
  return { ...trigger, from: Math.max(trigger.at, freeFrom(issuances, minIntervalMs)) };
}

function adviceTrigger(
  { advice, jitter }: RenewalInputs,
  { words, dueAt, minIntervalMs }: RenewalTimes,
  issuances: Issuances,
): Trigger {
  if (!advice) return { rule: 'lifetime', at: dueAt, why: (isPast) => isLeft(words.due, isPast) };
  const at = timeIn(advice, jitter);
  if (!isRepeated(at, issuances, minIntervalMs)) return { rule: 'advice', at, why: () => describe(advice) };
  const why = (isPast: boolean) =>
    `${isLeft(words.due, isPast)}; ${describe(advice)}, which had already passed when this certificate and the one before it were issued`;
  return { rule: 'advice-repeated', at: dueAt, why };
}

function daysBeforeTrigger(daysBefore: number, { end, minAgeAt, words }: RenewalTimes): Trigger {
  const asked = end - daysBefore * DAY_MS;
  const cap = asked < minAgeAt ? `, but not before ${words.minAge} of the lifetime is over` : '';
  const why = () => `RENEW_DAYS_BEFORE=${daysBefore} determines the time${cap}`;
  return { rule: 'days-before', at: Math.max(asked, minAgeAt), why };
}

function timeIn({ window: { start, end } }: RenewalAdvice, jitter: number): number {
  return start.getTime() + jitter * (end.getTime() - start.getTime());
}

/** The two latest issuances, in milliseconds of the epoch. */
interface Issuances {
  readonly last: number | undefined;
  readonly previous: number | undefined;
}

/**
 * Ignores issuances in the future: if the clock was once ahead, renewals must not wait until it
 * reaches that time again.
 */
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
 * The time from which another certificate may be issued for the same names: one per interval, or
 * two within two intervals. The second one covers exceptions: a certificate that was issued
 * yesterday and will be revoked today is replaced today. A loop is slowed down to one per interval,
 * which stays within the CA's limits even without the exemption for renewals.
 */
function freeFrom({ last, previous }: Issuances, minIntervalMs: number): number {
  if (last === undefined || previous === undefined) return Number.NEGATIVE_INFINITY;
  return Math.min(previous + 2 * minIntervalMs, last + minIntervalMs);
}

/**
 * Whether the CA advises a time before the last issuance for the second time. Such advice is
 * followed once: if the replacement gets it too, it says nothing about the certificate.
 */
function isRepeated(asked: number, { last, previous }: Issuances, minIntervalMs: number): boolean {
  if (last === undefined || previous === undefined) return false;
  return asked <= last && last - previous < 2 * minIntervalMs;
}

function describeWait({ at, from, why }: SpacedTrigger, { last, previous }: Issuances, now: Date): string {
  const isPast = now.getTime() >= at;
  const due = `renewal ${isPast ? 'has been due since' : 'is due at'} ${iso(at)}: ${why(isPast)}`;
  if (from === at) return due;
  const recent = [previous, last]
    .flatMap((moment) => (moment === undefined ? [] : iso(moment)))
    .join(' and ');
  return `${due}, but certificates for these names were issued at ${recent}; no further one before ${iso(from)}`;
}

function isLeft(part: string, isPast: boolean): string {
  return `${part} of the lifetime ${isPast ? 'was' : 'is'} left at that time`;
}

function describe({ window: { start, end }, explanationUrl }: RenewalAdvice): string {
  const see = explanationUrl === undefined ? '' : ` (see ${explanationUrl})`;
  return `the CA suggests renewal between ${start.toISOString()} and ${end.toISOString()}${see}`;
}

function iso(moment: number): string {
  return new Date(moment).toISOString();
}
