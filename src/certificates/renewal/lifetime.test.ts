import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renewalTimes, whyDaysBeforeFails } from './lifetime.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Let's Encrypt's certificates are a second short of whole days. */
const SECOND = 1000;

const wishes: [daysBefore: number, lifetimeMs: number, sentence: string | undefined][] = [
  [30, 90 * DAY - SECOND, undefined],
  [60, 90 * DAY - SECOND, undefined],
  [
    61,
    90 * DAY - SECOND,
    'RENEW_DAYS_BEFORE=61 is too much for a certificate of 90 days: it is renewed when 60 days are left, after a third of its lifetime',
  ],
  [
    29,
    90 * DAY - SECOND,
    'RENEW_DAYS_BEFORE=29 has no effect on a certificate of 90 days: it is renewed when 30 days are left, a third of its lifetime',
  ],
  [30, 45 * DAY - SECOND, undefined],
  [15, 45 * DAY - SECOND, undefined],
  [
    31,
    45 * DAY - SECOND,
    'RENEW_DAYS_BEFORE=31 is too much for a certificate of 45 days: it is renewed when 30 days are left, after a third of its lifetime',
  ],
  [
    30,
    160 * HOUR - SECOND,
    'RENEW_DAYS_BEFORE=30 is too much for a certificate of 6.7 days: it is renewed when 3.3 days are left, after half of its lifetime',
  ],
  [
    1,
    160 * HOUR - SECOND,
    'RENEW_DAYS_BEFORE=1 has no effect on a certificate of 6.7 days: it is renewed when 3.3 days are left, half of its lifetime',
  ],
];
for (const [daysBefore, lifetimeMs, sentence] of wishes) {
  test(`${daysBefore} days before the end of ${Math.round(lifetimeMs / HOUR)} hours: ${sentence ? 'told of' : 'honoured'}`, () => {
    assert.equal(whyDaysBeforeFails(daysBefore, lifetimeMs), sentence);
  });
}

const distances: [days: number, hours: number, urgentHours: number][] = [
  [90, 15 * 24, 36],
  [45, 7.5 * 24, 36],
  [10, 40, 36],
  [160 / 24, 36, 36],
  [5, 30, 30],
  [1, 6, 6],
];
for (const [days, hours, urgentHours] of distances) {
  test(`issuances of ${days.toFixed(1)} days keep a distance of ${hours} hours, urgent ones of ${urgentHours}`, () => {
    const notBefore = new Date('2026-01-01T00:00:00Z');
    const life = renewalTimes({ notBefore, notAfter: new Date(notBefore.getTime() + days * DAY) });
    assert.equal(life.minIntervalMs / HOUR, hours);
    assert.equal(life.urgentMinIntervalMs / HOUR, urgentHours);
  });
}
