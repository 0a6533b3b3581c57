/** How our clock stands to the certificate authority's. Pure. */

/** An answer of the CA, as far as it tells the time. */
export interface DatedResponse {
  /** Its Date header (RFC 9110 §6.6.1). */
  readonly date: unknown;
  /** Its Age header: seconds that a cache has kept it (RFC 9111 §5.1). */
  readonly age: unknown;
  /** When it was asked for and when it came, by our clock. */
  readonly sentAt: Date;
  readonly receivedAt: Date;
}

/** The CA's clock minus ours in milliseconds, with the answer half way back; undefined when it tells no time. */
export function clockSkewMs({ date, age, sentAt, receivedAt }: DatedResponse): number | undefined {
  const theirs = typeof date === 'string' ? Date.parse(date) : Number.NaN;
  if (Number.isNaN(theirs)) return undefined;
  const kept = typeof age === 'string' && /^\d{1,9}$/.test(age) ? Number(age) * SECOND : 0;
  return theirs + kept - (sentAt.getTime() + receivedAt.getTime()) / 2;
}

/** What a wrong clock means for an order. */
export interface ClockSkewVerdict {
  /** Whether nothing may be ordered. */
  readonly refuse: boolean;
  /** For a person: how wrong the clock is, and what comes of it. */
  readonly sentence: string;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const FINE_MS = 5 * MINUTE;
/** CAs date certificates back by about an hour; by a clock that is later than that a new one is not valid yet. */
const LONGEST_MS = HOUR;
const LONGEST_URGENT_MS = 3 * DAY;

/**
 * Judges the clock before an order: up to 5 minutes are fine, up to an hour is worth a warning, beyond that nothing is
 * ordered. When it is urgent (no certificate can be served, or the one that is comes to its end) only 3 days stand in the
 * way. An unknown skew is fine.
 */
export function judgeClockSkew(skewMs: number | undefined, urgent: boolean): ClockSkewVerdict | undefined {
  const off = Math.abs(skewMs ?? 0);
  if (skewMs === undefined || off <= FINE_MS) return undefined;
  const refuse = off > (urgent ? LONGEST_URGENT_MS : LONGEST_MS);
  const [side, effect] =
    skewMs > 0
      ? ['behind', 'by it a new certificate is not valid yet']
      : ['ahead of', 'by it certificates end and are renewed too early'];
  const end = refuse ? ', so nothing is ordered' : '';
  return {
    refuse,
    sentence: `the clock is ${inWords(off)} ${side} that of the certificate authority; ${effect}${end}`,
  };
}

function inWords(ms: number): string {
  if (ms < 2 * HOUR) return `${Math.round(ms / MINUTE)} minutes`;
  return ms < 2 * DAY ? `${Math.round(ms / HOUR)} hours` : `${Math.round(ms / DAY)} days`;
}
