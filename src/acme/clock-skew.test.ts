import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clockSkewMs, judgeClockSkew } from './clock-skew.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const DATE = 'Tue, 24 Nov 2026 12:00:00 GMT';
const at = (time: string) => new Date(`2026-11-24T${time}Z`);

test('the skew is the CA’s clock minus ours, with the response halfway', () => {
  const response = { date: DATE, age: undefined };
  assert.equal(clockSkewMs({ ...response, sentAt: at('12:00:00'), receivedAt: at('12:00:00') }), 0);
  assert.equal(clockSkewMs({ ...response, sentAt: at('11:59:58'), receivedAt: at('12:00:02') }), 0);
  assert.equal(clockSkewMs({ ...response, sentAt: at('11:00:00'), receivedAt: at('11:00:04') }), HOUR - 2000);
  assert.equal(clockSkewMs({ ...response, sentAt: at('12:30:00'), receivedAt: at('12:30:00') }), -HOUR / 2);
});

test('Age is added to Date', () => {
  const now = { sentAt: at('12:10:00'), receivedAt: at('12:10:00') };
  assert.equal(clockSkewMs({ date: DATE, age: '600', ...now }), 0);
  assert.equal(clockSkewMs({ date: DATE, age: 'old', ...now }), -10 * MINUTE);
});

for (const date of [undefined, '', 'noon', 7, [DATE]]) {
  test(`a Date header of ${JSON.stringify(date)} gives no skew`, () => {
    assert.equal(
      clockSkewMs({ date, age: undefined, sentAt: at('12:00:00'), receivedAt: at('12:00:00') }),
      undefined,
    );
  });
}

/** The verdicts on a clock that is slow (positive) or fast by `skewMs`. */
const verdicts: [skewMs: number | undefined, normal: string, urgent: string][] = [
  [undefined, 'fine', 'fine'],
  [0, 'fine', 'fine'],
  [5 * MINUTE, 'fine', 'fine'],
  [5 * MINUTE + 1, 'warning', 'warning'],
  [HOUR, 'warning', 'warning'],
  [HOUR + 1, 'refused', 'warning'],
  [3 * DAY, 'refused', 'warning'],
  [3 * DAY + 1, 'refused', 'refused'],
];
const verdictOf = (skewMs: number | undefined, urgent: boolean) => {
  const verdict = judgeClockSkew(skewMs, urgent);
  if (!verdict) return 'fine';
  return verdict.refuse ? 'refused' : 'warning';
};
for (const [skewMs, normal, urgent] of verdicts) {
  for (const skew of skewMs === undefined ? [undefined] : [skewMs, -skewMs]) {
    test(`a skew of ${skew} ms is ${normal}, and ${urgent} for an urgent order`, () => {
      assert.equal(verdictOf(skew, false), normal);
      assert.equal(verdictOf(skew, true), urgent);
    });
  }
}
