import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bucketDeferral, windowDeferral } from './deferral.ts';

const moments = (...all: number[]) => all.map((ms) => new Date(ms));
const counted = { limit: 'new-orders', what: ['thing', 'things'] } as const;
const WINDOW = { count: 2, windowMs: 1000 };
const BUCKET = { capacity: 3, refillMs: 1000 };

test('a window allows events until it contains its count', () => {
  assert.equal(windowDeferral({ ...counted, times: [] }, WINDOW, new Date(5000)), undefined);
  assert.equal(windowDeferral({ ...counted, times: moments(5000) }, WINDOW, new Date(5000)), undefined);
  const deferral = windowDeferral({ ...counted, times: moments(5000, 5100) }, WINDOW, new Date(5200));
  assert.deepEqual([deferral?.until, deferral?.limit], [new Date(6000), 'new-orders']);
});

test('a window slides', () => {
  const times = moments(5000, 5100);
  assert.deepEqual(windowDeferral({ ...counted, times }, WINDOW, new Date(5999))?.until, new Date(6000));
  assert.equal(windowDeferral({ ...counted, times }, WINDOW, new Date(6000)), undefined);
});

test('a window with more events than its count allows the next one when one less than the count is left', () => {
  const times = moments(5000, 5100, 5200, 5300);
  assert.deepEqual(windowDeferral({ ...counted, times }, WINDOW, new Date(5400))?.until, new Date(6200));
});

test('a bucket allows its capacity at once, and then one event after each refill', () => {
  assert.equal(bucketDeferral({ ...counted, times: [] }, BUCKET, new Date(0)), undefined);
  assert.equal(bucketDeferral({ ...counted, times: moments(0, 0) }, BUCKET, new Date(0)), undefined);
  const deferral = bucketDeferral({ ...counted, times: moments(0, 0, 0) }, BUCKET, new Date(400));
  assert.deepEqual([deferral?.until, deferral?.limit], [new Date(1000), 'new-orders']);
  assert.equal(bucketDeferral({ ...counted, times: moments(0, 0, 0) }, BUCKET, new Date(1000)), undefined);
  assert.deepEqual(
    bucketDeferral({ ...counted, times: moments(0, 0, 0, 1000) }, BUCKET, new Date(1500))?.until,
    new Date(2000),
  );
});

test('a bucket never holds more than its capacity, however long it is unused', () => {
  const times = moments(0, 1_000_000, 1_000_000, 1_000_000);
  assert.deepEqual(
    bucketDeferral({ ...counted, times }, BUCKET, new Date(1_000_000))?.until,
    new Date(1_001_000),
  );
});

test('an overdrawn bucket first refills to zero', () => {
  assert.deepEqual(
    bucketDeferral({ ...counted, times: moments(0, 0, 0, 0, 0) }, BUCKET, new Date(0))?.until,
    new Date(3000),
  );
});

const sorted = fc
  .array(fc.nat(10_000), { maxLength: 12 })
  .map((all) => moments(...all.toSorted((a, b) => a - b)));
for (const [kind, hold] of [
  ['window', (times: Date[], now: Date) => windowDeferral({ ...counted, times }, WINDOW, now)],
  ['bucket', (times: Date[], now: Date) => bucketDeferral({ ...counted, times }, BUCKET, now)],
] as const) {
  test(`a ${kind} returns the earliest time at which it allows the next event`, () => {
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
