import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clockSkewMs, judgeClockSkew } from './clock-skew.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const DATE = 'Tue, 24 Nov 2026 12:00:00 GMT';
const at = (time: string) => new Date(`2026-11-24T${time}Z`);

test('the skew is the CA’s clock minus ours, with the answer half way back', () => {
  const asked = { date: DATE, age: undefined };
  assert.equal(clockSkewMs({ ...asked, sentAt: at('12:00:00'), receivedAt: at('12:00:00') }), 0);
  assert.equal(clockSkewMs({ ...asked, sentAt: at('11:59:58'), receivedAt: at('12:00:02') }), 0);
  assert.equal(clockSkewMs({ ...asked, sentAt: at('11:00:00'), receivedAt: at('11:00:04') }), HOUR - 2000);
  assert.equal(clockSkewMs({ ...asked, sentAt: at('12:30:00'), receivedAt: at('12:30:00') }), -HOUR / 2);
});

test('an answer that a cache has kept is as much older', () => {
  const now = { sentAt: at('12:10:00'), receivedAt: at('12:10:00') };
  assert.equal(clockSkewMs({ date: DATE, age: '600', ...now }), 0);
  assert.equal(clockSkewMs({ date: DATE, age: 'old', ...now }), -10 * MINUTE);
});

for (const date of [undefined, '', 'noon', 7, [DATE]]) {
  test(`a Date header of ${JSON.stringify(date)} tells no time`, () => {
    assert.equal(
      clockSkewMs({ date, age: undefined, sentAt: at('12:00:00'), receivedAt: at('12:00:00') }),
      undefined,
    );
  });
}

/** Of a clock that is late (positive) or early by `skewMs`, when it is not urgent and when it is. */
const verdicts: [skewMs: number | undefined, calm: string, urgent: string][] = [
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
for (const [skewMs, calm, urgent] of verdicts) {
  for (const skew of skewMs === undefined ? [undefined] : [skewMs, -skewMs]) {
    test(`a clock that is off by ${skew} ms is ${calm}, and ${urgent} when it is urgent`, () => {
      assert.equal(verdictOf(skew, false), calm);
      assert.equal(verdictOf(skew, true), urgent);
    });
  }
}

const sentences: [skewMs: number, urgent: boolean, sentence: RegExp][] = [
  [7 * MINUTE, false, /^the clock is 7 minutes behind that of .*; by it a new certificate is not valid yet$/],
  [-7 * MINUTE, false, /^the clock is 7 minutes ahead of that of .*; by it .* renewed too early$/],
  [90 * MINUTE, false, /90 minutes behind .* not valid yet, so nothing is ordered$/],
  [-30 * HOUR, true, /30 hours ahead .* too early$/],
  [400 * DAY, true, /400 days behind .*so nothing is ordered$/],
];
for (const [skewMs, urgent, sentence] of sentences) {
  test(`${skewMs} ms in words: ${sentence}`, () => {
    assert.match(judgeClockSkew(skewMs, urgent)?.sentence ?? '', sentence);
  });
}
