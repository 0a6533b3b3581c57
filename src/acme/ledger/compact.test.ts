import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LedgerEntry } from './entries.ts';
import { compact, historyOf } from './history.ts';

const DAY = 24 * 60 * 60 * 1000;
const START = Date.parse('2026-01-01T00:00:00.000Z');
const day = (count: number) => new Date(START + count * DAY);
const NAMES = ['app.example.com'];

const issued = (count: number, names = NAMES, validDays = 90): LedgerEntry => ({
  ...{ event: 'issued', at: day(count).toISOString(), attempt: `i${count}`, names },
  ...{ serial: `${count}`, notAfter: day(count + validDays).toISOString() },
});
const failed = (count: number, names = NAMES): LedgerEntry => ({
  ...{ event: 'failed', at: day(count).toISOString(), names, code: 'ACME_UNREACHABLE', refused: false },
});
const kept = (old: LedgerEntry[], later: LedgerEntry[], now: number) =>
  compact(old, historyOf([...old, ...later]), day(now));

test('the last certificate of each set is kept as long as it is valid', () => {
  const others = ['example.com', '*.example.com'];
  const old = [issued(0), issued(1), issued(2, others)];
  assert.deepEqual(kept(old, [], 40), [old[1], old[2]]);
  assert.deepEqual(kept(old, [issued(35)], 40), [old[2]]);
  assert.deepEqual(kept([issued(0, NAMES, 39)], [], 40), []);
});

test('the first failure of a streak that goes on is kept', () => {
  const old = [failed(0), failed(1)];
  assert.deepEqual(kept(old, [failed(39)], 40), [old[0]]);
  assert.deepEqual(kept(old, [issued(39)], 40), []);
  assert.deepEqual(kept([issued(0), failed(1)], [], 40), [issued(0), failed(1)]);
});

test('entries of names that are not used any more are dropped after a year', () => {
  assert.deepEqual(kept([failed(0)], [], 365), [failed(0)]);
  assert.deepEqual(kept([failed(0)], [], 366), []);
});

test('no other entry is kept after a month', () => {
  const at = day(0).toISOString();
  const old: LedgerEntry[] = [
    { event: 'order', at, attempt: 'a', names: NAMES },
    { event: 'validate', at, attempt: 'a', names: NAMES },
    { event: 'validated', at, attempt: 'a' },
    { event: 'finalize', at, attempt: 'a', names: NAMES },
    { event: 'pause', at, until: at },
    { event: 'advice', at, certificate: 'a.1', start: at, end: at, askAgainAt: at },
  ];
  assert.deepEqual(kept(old, [], 40), []);
});
