import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DaysBeforeFault, renewalTimes, whyDaysBeforeFails } from './lifetime.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Let's Encrypt's certificates are a second short of whole days. */
const SECOND = 1000;

type Fault = [kind: DaysBeforeFault['kind'], renewedDaysBefore: number];
const values: [daysBefore: number, lifetimeMs: number, fault: Fault | undefined][] = [
  [30, 90 * DAY - SECOND, undefined],
  [60, 90 * DAY - SECOND, undefined],
  [61, 90 * DAY - SECOND, ['too-much', 60]],
  [29, 90 * DAY - SECOND, ['no-effect', 30]],
  [30, 45 * DAY - SECOND, undefined],
  [15, 45 * DAY - SECOND, undefined],
  [31, 45 * DAY - SECOND, ['too-much', 30]],
  [30, 160 * HOUR - SECOND, ['too-much', 3.3]],
  [1, 160 * HOUR - SECOND, ['no-effect', 3.3]],
];
for (const [daysBefore, lifetimeMs, expected] of values) {
  test(`${daysBefore} days before the end of ${Math.round(lifetimeMs / HOUR)} hours: ${expected ? expected[0] : 'in effect'}`, () => {
    const fault = whyDaysBeforeFails(daysBefore, lifetimeMs);
    assert.deepEqual(fault && [fault.kind, fault.renewedDaysBefore], expected);
  });
}

const intervals: [days: number, hours: number, urgentHours: number][] = [
  [90, 15 * 24, 36],
  [45, 7.5 * 24, 36],
  [10, 40, 36],
  [160 / 24, 36, 36],
  [5, 30, 30],
  [1, 6, 6],
];
for (const [days, hours, urgentHours] of intervals) {
  test(`issuances of ${days.toFixed(1)} days are at least ${hours} hours apart, urgent ones of ${urgentHours}`, () => {
    const notBefore = new Date('2026-01-01T00:00:00Z');
    const times = renewalTimes({ notBefore, notAfter: new Date(notBefore.getTime() + days * DAY) });
    assert.equal(times.minIntervalMs / HOUR, hours);
    assert.equal(times.urgentMinIntervalMs / HOUR, urgentHours);
  });
}
