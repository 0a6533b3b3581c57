import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRateLimits } from './rate-limits.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

test('a sixth certificate for the same names is allowed 34 hours after the first five, even after a long time without any', () => {
  for (const [hours, exceeded] of [
    [34, []],
    [33, ['certificates for the same names on day 101.38']],
  ] as const) {
    const limits = createRateLimits();
    const issue = (time: number) => {
      limits.order(time, false);
      limits.issue(time, false);
    };
    const start = 100 * 24 * HOUR;
    for (let count = 0; count < 5; count++) issue(start);
    issue(start + hours * HOUR);
    assert.deepEqual(limits.exceeded, exceeded);
  }
});

test('exempt renewals do not count', () => {
  const limits = createRateLimits();
  for (let count = 0; count < 400; count++) {
    limits.order(0, true);
    limits.issue(0, true);
  }
  assert.deepEqual(limits.exceeded, []);
});

test('the 301st order within three hours exceeds the limit', () => {
  const limits = createRateLimits();
  for (let count = 0; count < 300; count++) limits.order(0, false);
  assert.deepEqual(limits.exceeded, []);
  limits.order(30_000, false);
  assert.equal(limits.exceeded.length, 1);
});

test('after five failures within an hour every order, exempt or not, must wait 12 minutes', () => {
  const limits = createRateLimits();
  for (let count = 0; count < 5; count++) limits.fail(0);
  limits.order(12 * MINUTE, true);
  assert.deepEqual(limits.exceeded, []);
  limits.fail(12 * MINUTE);
  limits.order(13 * MINUTE, true);
  assert.deepEqual(limits.exceeded, ['failed authorizations on day 0.01']);
});

test('1152 failures in a row pause the name', () => {
  const limits = createRateLimits();
  for (let count = 0; count < 1152; count++) limits.fail(count * HOUR);
  limits.order(1152 * HOUR, true);
  assert.equal(limits.exceeded.length, 1);
  limits.issue(1152 * HOUR, true);
  limits.order(1153 * HOUR, true);
  assert.equal(limits.exceeded.length, 1);
});
