import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bucketDeferral, windowDeferral } from './deferral.ts';

const moments = (...all: number[]) => all.map((ms) => new Date(ms));
const what = 'things';
const WINDOW = { count: 2, windowMs: 1000 };
const BUCKET = { capacity: 3, refillMs: 1000 };

test('a window is open until as many are in it as it takes', () => {
  assert.equal(windowDeferral({ what, times: [] }, WINDOW, new Date(5000)), undefined);
  assert.equal(windowDeferral({ what, times: moments(5000) }, WINDOW, new Date(5000)), undefined);
  assert.deepEqual(windowDeferral({ what, times: moments(5000, 5100) }, WINDOW, new Date(5200)), {
    until: new Date(6000),
    reason: '2 things in 1 second',
  });
});

test('a window slides', () => {
  const times = moments(5000, 5100);
  assert.deepEqual(windowDeferral({ what, times }, WINDOW, new Date(5999))?.until, new Date(6000));
  assert.equal(windowDeferral({ what, times }, WINDOW, new Date(6000)), undefined);
});

test('of more than a window takes, all but one less than that have to leave it', () => {
  const times = moments(5000, 5100, 5200, 5300);
  assert.deepEqual(windowDeferral({ what, times }, WINDOW, new Date(5400))?.until, new Date(6200));
});

test('a bucket gives all at once, and then one after each refill', () => {
  assert.equal(bucketDeferral({ what, times: [] }, BUCKET, new Date(0)), undefined);
  assert.equal(bucketDeferral({ what, times: moments(0, 0) }, BUCKET, new Date(0)), undefined);
  assert.deepEqual(bucketDeferral({ what, times: moments(0, 0, 0) }, BUCKET, new Date(400)), {
    until: new Date(1000),
    reason: '3 things at once, and one more every 1 second, are used up',
  });
  assert.equal(bucketDeferral({ what, times: moments(0, 0, 0) }, BUCKET, new Date(1000)), undefined);
  assert.deepEqual(
    bucketDeferral({ what, times: moments(0, 0, 0, 1000) }, BUCKET, new Date(1500))?.until,
    new Date(2000),
  );
});

test('a bucket holds no more than it holds, however long nothing was taken', () => {
  const times = moments(0, 1_000_000, 1_000_000, 1_000_000);
  assert.deepEqual(bucketDeferral({ what, times }, BUCKET, new Date(1_000_000))?.until, new Date(1_001_000));
});

test('a bucket that was overdrawn has to make up for it', () => {
  assert.deepEqual(
    bucketDeferral({ what, times: moments(0, 0, 0, 0, 0) }, BUCKET, new Date(0))?.until,
    new Date(3000),
  );
});

test('spans are told in words', () => {
  const said = (windowMs: number) =>
    windowDeferral({ what, times: moments(0) }, { count: 1, windowMs }, new Date(0))?.reason;
  const spans = [7 * 86_400_000, 3_600_000, 7_200_000, 12_120_000, 36_000].map(said);
  assert.deepEqual(
    spans.map((why) => /in (.*)$/.exec(why ?? '')?.[1]),
    ['7 days', '1 hour', '2 hours', '202 minutes', '36 seconds'],
  );
});

const sorted = fc
  .array(fc.nat(10_000), { maxLength: 12 })
  .map((all) => moments(...all.toSorted((a, b) => a - b)));
for (const [kind, hold] of [
  ['window', (times: Date[], now: Date) => windowDeferral({ what, times }, WINDOW, now)],
  ['bucket', (times: Date[], now: Date) => bucketDeferral({ what, times }, BUCKET, now)],
] as const) {
  test(`the moment that a ${kind} gives is the earliest`, () => {
    fc.assert(
      fc.property(sorted, fc.nat(5000), (times, more) => {
        const now = new Date((times.at(-1)?.getTime() ?? 0) + more);
        const held = hold(times, now);
        if (!held) return true;
        const before = hold(times, new Date(held.until.getTime() - 1));
        return hold(times, held.until) === undefined && before?.until.getTime() === held.until.getTime();
      }),
    );
  });
}
