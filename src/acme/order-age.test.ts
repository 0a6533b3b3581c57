import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type OrderAge, whyAbandoned, whyDownloadAbandoned } from './order-age.ts';

const HOUR_MS = 3_600_000;
const now = new Date('2026-11-30T00:00:00Z');
const hours = (count: number) => new Date(now.getTime() + count * HOUR_MS);
const age = (createdHoursAgo: number, skewHours?: number): OrderAge => ({
  ...{ now, createdAt: hours(-createdHoursAgo) },
  skewMs: skewHours === undefined ? undefined : skewHours * HOUR_MS,
});
type Status = Parameters<typeof whyAbandoned>[0]['status'];

const cases: [status: Status, expiresInHours: number | undefined, age: OrderAge, why: RegExp | undefined][] =
  [
    ['processing', 100, age(23.9), undefined],
    ['processing', 100, age(24), /^has been processing for a day$/],
    ['processing', undefined, age(24), /^has been processing for a day$/],
    ['processing', undefined, age(1), undefined],
    ['processing', -192, age(1), /^is processing although it expired at 2026-11-22T00:00:00\.000Z$/],
    ['processing', 0, age(1), /^is processing although it expired/],
    ['processing', 100, age(-24), /for a day/],
    ['processing', 100, age(-1), undefined],
    ['processing', 1, age(1, 2), /although it expired/],
    ['processing', -1, age(1, -2), undefined],
    ['pending', 1, age(160), undefined],
    ['pending', -1, age(1), /^is pending although it expired/],
    ['ready', 1, age(160), undefined],
    ['ready', -1, age(1), /^is ready although it expired/],
    ['valid', -192, age(192), undefined],
  ];
for (const [status, left, when, why] of cases) {
  const expires = left === undefined ? undefined : hours(left).toISOString();
  test(`an order ${status} that expires ${expires}, made ${when.createdAt.toISOString()}, skew ${when.skewMs}: ${why}`, () => {
    const found = whyAbandoned({ status, ...(expires === undefined ? {} : { expires }) }, when);
    if (why === undefined) assert.equal(found, undefined);
    else assert.match(found ?? '', why);
  });
}

test('an expiry that cannot be read is none', () =>
  assert.equal(whyAbandoned({ status: 'ready', expires: 'soon' }, age(1)), undefined));

test('a certificate that is not there may be late for a day, or until its order has expired', () => {
  assert.equal(whyDownloadAbandoned({ expires: hours(1).toISOString() }, age(23)), undefined);
  assert.match(whyDownloadAbandoned({ expires: hours(-1).toISOString() }, age(1)) ?? '', /expired at/);
  assert.match(whyDownloadAbandoned({}, age(25)) ?? '', /for a day/);
});
