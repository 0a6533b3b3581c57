import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundInterval } from './renewal-interval.ts';

for (const seconds of [60, 3600, 43_200]) {
  test(`${seconds} seconds are taken as they are`, () =>
    assert.deepEqual(boundInterval(seconds), { seconds, warnings: [] }));
}

for (const [seconds, bound] of [
  [0, 60],
  [59, 60],
  [43_201, 43_200],
  [999_999_999, 43_200],
] as const) {
  test(`${seconds} seconds count as ${bound}, with a warning`, () =>
    assert.deepEqual(boundInterval(seconds), {
      seconds: bound,
      warnings: [`RENEW_INTERVAL=${seconds} counts as ${bound}: it can be 60 to 43200 seconds`],
    }));
}
