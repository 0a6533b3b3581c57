import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRetryAfter } from './retry-after.ts';

const now = new Date('2026-11-24T00:00:00Z');
const headers: readonly (readonly [header: unknown, ms: number | undefined])[] = [
  ['120', 120_000],
  [' 0 ', 0],
  ['7', 7000],
  ['1764000000000', undefined],
  ['Tue, 24 Nov 2026 00:01:00 GMT', 60_000],
  ['Mon, 23 Nov 2026 00:00:00 GMT', 0],
  ['soon', undefined],
  ['', undefined],
  [null, undefined],
  [undefined, undefined],
];
for (const [header, ms] of headers) {
  test(`Retry-After: ${header} is ${ms} ms`, () => assert.equal(parseRetryAfter(header, now), ms));
}
