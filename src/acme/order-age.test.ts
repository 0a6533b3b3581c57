import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type OrderAge, whyAbandoned, whyDownloadAbandoned } from './order.ts';

const HOUR_MS = 3_600_000;
const now = new Date('2026-11-30T00:00:00Z');
const hours = (count: number) => new Date(now.getTime() + count * HOUR_MS);
const age = (createdHoursAgo: number, skewHours?: number): OrderAge => ({
  ...{ now, createdAt: hours(-createdHoursAgo) },
  skewMs: skewHours === undefined ? undefined : skewHours * HOUR_MS,
});

type Status = Parameters<typeof whyAbandoned>[0]['status'];
const cases: [
  status: Status,
  expiresInHours: number | undefined,
  age: OrderAge,
  reason: string | undefined,
][] = [
  ['processing', 100, age(23.9), undefined],
  ['processing', 100, age(24), 'stalled'],
  ['processing', undefined, age(24), 'stalled'],
  ['processing', undefined, age(1), undefined],
  ['processing', -192, age(1), 'expired'],
  ['processing', 0, age(1), 'expired'],
  ['processing', 100, age(-24), 'stalled'],
  ['processing', 100, age(-1), undefined],
  ['processing', 1, age(1, 2), 'expired'],
  ['processing', -1, age(1, -2), undefined],
  ['pending', 1, age(160), undefined],
  ['pending', -1, age(1), 'expired'],
  ['ready', 1, age(160), undefined],
  ['ready', -1, age(1), 'expired'],
  ['valid', -192, age(192), undefined],
];
for (const [status, left, when, reason] of cases) {
  const expires = left === undefined ? undefined : hours(left).toISOString();
  test(`a ${status} order, expires ${expires}, created ${when.createdAt.toISOString()}, skew ${when.skewMs}: ${reason}`, () => {
    const found = whyAbandoned({ status, ...(expires === undefined ? {} : { expires }) }, when);
    assert.equal(found?.reason, reason);
  });
}

test('an expiry that cannot be parsed is ignored', () =>
  assert.equal(whyAbandoned({ status: 'ready', expires: 'soon' }, age(1)), undefined));

test('a missing certificate may be late for a day, or until its order expires', () => {
  assert.equal(whyDownloadAbandoned({ expires: hours(1).toISOString() }, age(23)), undefined);
  assert.equal(whyDownloadAbandoned({ expires: hours(-1).toISOString() }, age(1))?.reason, 'expired');
  assert.equal(whyDownloadAbandoned({}, age(25))?.reason, 'stalled');
});
