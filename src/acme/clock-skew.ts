import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../duration.ts';

/** The difference between our clock and the CA's. Pure. */

/** The parts of a CA's response that give the time. */
export interface DatedResponse {
  /** The Date header (RFC 9110 §6.6.1). */
  readonly date: unknown;
  /** The Age header: seconds in a cache (RFC 9111 §5.1). */
  readonly age: unknown;
  /** When the request was sent and the response received, by our clock. */
  readonly sentAt: Date;
  readonly receivedAt: Date;
}

/**
 * The CA's clock minus ours in milliseconds, assuming that the response was made halfway between
 * request and receipt; undefined without a valid Date header.
 */
export function clockSkewMs({ date, age, sentAt, receivedAt }: DatedResponse): number | undefined {
  const caTime = typeof date === 'string' ? Date.parse(date) : Number.NaN;
  if (Number.isNaN(caTime)) return undefined;
  const cachedMs = typeof age === 'string' && /^\d{1,9}$/.test(age) ? Number(age) * SECOND_MS : 0;
  return caTime + cachedMs - (sentAt.getTime() + receivedAt.getTime()) / 2;
}

/** The consequence of a wrong clock for an order. */
export interface ClockSkewVerdict {
  /** Whether ordering is refused. */
  readonly refuse: boolean;
  /** Human-readable: how wrong the clock is, and the consequence. */
  readonly sentence: string;
}

const WARN_MS = 5 * MINUTE_MS;
/**
 * CAs backdate certificates by about an hour; if the clock is slower than that, a new certificate
 * is not valid yet.
 */
const REFUSE_MS = HOUR_MS;
const REFUSE_URGENT_MS = 3 * DAY_MS;

/**
 * Judges the clock before an order: a skew of up to 5 minutes is fine (undefined), up to an hour
 * gives a warning, and more refuses the order. For an urgent order (no certificate can be served,
 * or the current one is about to expire) the limit is 3 days. An unknown skew is fine.
 */
export function judgeClockSkew(skewMs: number | undefined, urgent: boolean): ClockSkewVerdict | undefined {
  const absMs = Math.abs(skewMs ?? 0);
  if (skewMs === undefined || absMs <= WARN_MS) return undefined;
  const refuse = absMs > (urgent ? REFUSE_URGENT_MS : REFUSE_MS);
  const [side, effect] =
    skewMs > 0
      ? ['behind', 'a new certificate may not be valid yet by this clock']
      : ['ahead of', 'certificates seem to expire early and are renewed early'];
  const consequence = refuse ? '; not ordering until it is corrected' : '';
  return {
    refuse,
    sentence: `the clock is ${inWords(absMs)} ${side} the certificate authority's, so ${effect}${consequence}`,
  };
}

function inWords(ms: number): string {
  if (ms < 2 * HOUR_MS) return `${Math.round(ms / MINUTE_MS)} minutes`;
  return ms < 2 * DAY_MS ? `${Math.round(ms / HOUR_MS)} hours` : `${Math.round(ms / DAY_MS)} days`;
}
