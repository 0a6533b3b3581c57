import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../duration.ts';
import type { CertificateFacts } from '../certificate.ts';
import { renewalTimes } from './lifetime.ts';

/** The state of a certificate that should have been renewed long ago. */
export interface Ending {
  /** `soon` once renewal is urgent, `last-day` during the last 24 hours. */
  readonly stage: 'soon' | 'last-day' | 'expired';
  /**
   * Follows "the certificate": `ends in 5 hours 3 minutes, at 2026-…`, `expired 2 days ago, at
   * 2026-…`.
   */
  readonly words: string;
}

/** Undefined before renewal is urgent. Pure. */
export function endingOf(
  facts: Pick<CertificateFacts, 'notBefore' | 'notAfter'>,
  now: Date,
): Ending | undefined {
  const { urgentAt, end } = renewalTimes(facts);
  if (now.getTime() < urgentAt) return undefined;
  const leftMs = end - now.getTime();
  if (leftMs <= 0) return { stage: 'expired', words: describeExpiry(facts.notAfter, now) };
  const words = `ends in ${describeSpan(leftMs)}, at ${facts.notAfter.toISOString()}`;
  return { stage: leftMs <= DAY_MS ? 'last-day' : 'soon', words };
}

/** `expired 2 days ago, at 2026-…`. Pure. */
export function describeExpiry(notAfter: Date, now: Date): string {
  return `expired ${describeSpan(now.getTime() - notAfter.getTime())} ago, at ${notAfter.toISOString()}`;
}

/** Milliseconds in the two largest units, rounded down: `13 days 23 hours`. Pure. */
export function describeSpan(ms: number): string {
  if (ms < MINUTE_MS) return 'less than a minute';
  const [[largeMs, large], [smallMs, small]] = ms < DAY_MS ? HOURS : DAYS;
  const [most, rest] = [Math.floor(ms / largeMs), Math.floor((ms % largeMs) / smallMs)];
  return [count(most, large), count(rest, small)].filter((part) => part !== '').join(' ');
}

type Unit = readonly [ms: number, name: string];
const DAYS: readonly [Unit, Unit] = [
  [DAY_MS, 'day'],
  [HOUR_MS, 'hour'],
];
const HOURS: readonly [Unit, Unit] = [
  [HOUR_MS, 'hour'],
  [MINUTE_MS, 'minute'],
];

function count(many: number, unit: string): string {
  return many === 0 ? '' : `${many} ${unit}${many === 1 ? '' : 's'}`;
}
