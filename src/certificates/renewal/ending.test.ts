import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeSpan, endingOf } from './ending.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const END = Date.parse('2026-12-30T00:00:00.000Z');

/** The ending of a certificate with a lifetime of `days` when `hoursLeft` are left. */
function said(days: number, hoursLeft: number) {
  const facts = { notBefore: new Date(END - days * DAY_MS), notAfter: new Date(END) };
  const ending = endingOf(facts, new Date(END - hoursLeft * HOUR_MS));
  return ending && [ending.stage, ending.words];
}

const at = 'at 2026-12-30T00:00:00.000Z';
const cases: [days: number, hoursLeft: number, said: [string, string] | undefined][] = [
  [90, 15 * 24 + 1, undefined],
  [90, 15 * 24, ['soon', `ends in 15 days, ${at}`]],
  [90, 13 * 24 + 23.5, ['soon', `ends in 13 days 23 hours, ${at}`]],
  [90, 24, ['last-day', `ends in 1 day, ${at}`]],
  [90, 5.25, ['last-day', `ends in 5 hours 15 minutes, ${at}`]],
  [90, 0.001, ['last-day', `ends in less than a minute, ${at}`]],
  [90, 0, ['expired', `expired less than a minute ago, ${at}`]],
  [90, -49, ['expired', `expired 2 days 1 hour ago, ${at}`]],
  // Under ten days, renewal is urgent when a quarter is left; a lifetime of hours has only a last
  // day.
  [6, 37, undefined],
  [6, 36, ['soon', `ends in 1 day 12 hours, ${at}`]],
  [0.5, 3.5, undefined],
  [0.5, 3, ['last-day', `ends in 3 hours, ${at}`]],
];
for (const [days, hoursLeft, expected] of cases) {
  test(`${hoursLeft} hours left of ${days} days: ${expected?.[1] ?? 'no ending'}`, () => {
    assert.deepEqual(said(days, hoursLeft), expected);
  });
}

test('a span has two units, or one if the second is 0 or below 1 hour', () => {
  const spans = [59_999, 60_000, HOUR_MS + 1, 2 * HOUR_MS + 60_000, DAY_MS, DAY_MS + 59 * 60_000];
  assert.deepEqual(spans.map(describeSpan), [
    'less than a minute',
    '1 minute',
    '1 hour',
    '2 hours 1 minute',
    '1 day',
    '1 day',
  ]);
});
