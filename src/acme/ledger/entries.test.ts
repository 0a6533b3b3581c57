import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asOf, type LedgerEntry, readEntries } from './entries.ts';

const at = '2026-11-24T12:00:00.000Z';
const names = ['app.example.com', '*.example.com'];
const all: LedgerEntry[] = [
  { event: 'order', at, attempt: 'a1', names, replaces: 'aki.serial' },
  { event: 'validate', at, attempt: 'a1', names },
  { event: 'validated', at, attempt: 'a1' },
  { event: 'finalize', at, attempt: 'a1', names },
  { event: 'issued', at, attempt: 'a1', names, serial: '03ab', notAfter: '2027-02-22T12:00:00.000Z' },
  { event: 'failed', at, names, code: 'ACME_ORDER_FAILED', refused: true, counted: false, invalid: names },
  { event: 'failed', at, names, attempt: 'a1', code: 'ACME_PROBLEM', refused: true, notBefore: at },
  { event: 'failed', at, names, code: 'ACME_PROBLEM', message: 'no', refused: true },
  { event: 'pause', at, until: at, code: 'ACME_PROBLEM', message: 'busy' },
  { event: 'pause', at, until: '2026-11-24T13:00:00.000Z' },
  { event: 'advice', at, certificate: 'aki.serial', start: at, end: at, askAgainAt: at },
];
const lines = all.map((entry) => `${JSON.stringify(entry)}\n`);

test('each kind of entry survives a round trip through its line', () => {
  assert.deepEqual(readEntries(lines.join('')), { entries: all, damaged: 0 });
});

test('damaged lines are counted and skipped, and the lines between them are read', () => {
  const damaged = [
    ...['{"event":"order","at":"', '\0\0\0\0', '[]', 'null', '{"event":"unknown"}'],
    '{"event":"validated","at":"yesterday","attempt":"a1"}',
    '{"event":"validated","at":"2026-11-24T12:00:00.000Z"}',
  ];
  const text = damaged.map((line, index) => `${line}\n${lines[index]}`).join('');
  assert.deepEqual(readEntries(text), { entries: all.slice(0, damaged.length), damaged: damaged.length });
});

test('empty lines are ignored', () => {
  assert.deepEqual(readEntries(`\n\n${lines[0]}\n`), { entries: [all[0]], damaged: 0 });
  assert.deepEqual(readEntries(''), { entries: [], damaged: 0 });
});

for (const whole of lines) {
  const { event } = JSON.parse(whole);
  test(`a line torn at any byte counts as damaged: ${event}`, () => {
    for (let length = 1; length < whole.length - 1; length++) {
      assert.deepEqual(readEntries(whole.slice(0, length)), { entries: [], damaged: 1 }, `${length} bytes`);
    }
  });
}

test('an entry from the past is unchanged', () => {
  for (const entry of all) assert.equal(asOf(entry, new Date(at)), entry);
});

test('an entry from the future counts as made now, and its delays keep their length', () => {
  const now = new Date('2016-01-01T00:00:00.000Z');
  const made = now.toISOString();
  for (const entry of all) assert.equal(asOf(entry, now).at, made);
  const later = (entry: LedgerEntry) => asOf(entry, now);
  assert.deepEqual(later({ event: 'pause', at, until: '2026-11-24T13:00:00.000Z' }), {
    ...{ event: 'pause', at: made, until: '2016-01-01T01:00:00.000Z' },
  });
  const failed = { event: 'failed', names, code: 'X', refused: true } as const;
  assert.deepEqual(later({ ...failed, at, notBefore: '2026-11-24T12:10:00.000Z' }), {
    ...{ ...failed, at: made, notBefore: '2016-01-01T00:10:00.000Z' },
  });
  const start = '2027-01-20T00:00:00.000Z';
  const advice = { event: 'advice', certificate: 'c', start, end: start } as const;
  assert.deepEqual(later({ ...advice, at, askAgainAt: '2026-11-24T18:00:00.000Z' }), {
    ...{ ...advice, at: made, askAgainAt: '2016-01-01T06:00:00.000Z' },
  });
});

test('dates at the limits of the calendar do not throw', () => {
  const entry: LedgerEntry = {
    event: 'pause',
    at: '+275760-09-13T00:00:00.000Z',
    until: '-271821-04-20T00:00:00.000Z',
  };
  assert.deepEqual(asOf(entry, new Date(at)), { event: 'pause', at, until: '1970-01-01T00:00:00.000Z' });
});
