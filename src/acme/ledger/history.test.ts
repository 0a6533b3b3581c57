import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LedgerEntry, NewEntry } from './entries.ts';
import { historyOf } from './history.ts';

const START = Date.parse('2026-11-24T00:00:00.000Z');
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const APP = ['app.example.com'];
const BOTH = ['example.com', '*.example.com'];
const minute = (count: number) => new Date(START + count * MINUTE);

const at = (count: number, draft: NewEntry): LedgerEntry => ({ at: minute(count).toISOString(), ...draft });

/** One entry a minute, from minute 0 on. */
function historyWith(...drafts: NewEntry[]) {
  return historyOf(drafts.map((draft, index) => at(index, draft)));
}

const order = (attempt: string, names = APP, replaces?: string): NewEntry => ({
  ...{ event: 'order', attempt, names },
  ...(replaces === undefined ? {} : { replaces }),
});
const validate = (attempt: string, names = APP): NewEntry => ({ event: 'validate', attempt, names });
const validated = (attempt: string): NewEntry => ({ event: 'validated', attempt });
const finalize = (attempt: string, names = APP): NewEntry => ({ event: 'finalize', attempt, names });
const issued = (attempt: string, names = APP, serial = '01'): NewEntry => ({
  ...{ event: 'issued', attempt, names, serial },
  notAfter: '2027-02-22T00:00:00.000Z',
});
type Failed = Extract<NewEntry, { event: 'failed' }>;
const failed = (more: Partial<Failed> = {}): NewEntry => ({
  ...{ event: 'failed', names: APP, code: 'ACME_ORDER_FAILED', refused: true },
  ...more,
});

test('an empty ledger gives an empty history', () => {
  const history = historyWith();
  assert.deepEqual(history.ordersSince(new Date(0)), { fresh: [], replacing: [] });
  for (const times of [
    history.failedAuthorizations('app.example.com'),
    history.issuances(APP),
    history.issuancesIn('example.com'),
    history.fruitlessOrders(APP),
  ])
    assert.deepEqual(times, []);
  assert.equal(history.refusalsInARow(APP), 0);
  for (const answer of [
    history.lastRefusal(APP),
    history.pausedBy(),
    history.failingSince(APP),
    history.notBefore(APP),
    history.pausedUntil(),
    history.advice('a.b'),
    history.recentlyValidated('_acme-challenge.app.example.com'),
    history.lastIssued(APP),
  ])
    assert.equal(answer, undefined);
});

test('ordersSince lists the times of orders, with replacements listed separately', () => {
  const history = historyWith(order('a'), order('b', APP, 'aki.1'), order('c'));
  assert.deepEqual(history.ordersSince(minute(0)), { fresh: [minute(0), minute(2)], replacing: [minute(1)] });
  assert.deepEqual(history.ordersSince(minute(1)), { fresh: [minute(2)], replacing: [minute(1)] });
});

test('an order is fruitless until its certificate is issued', () => {
  const history = historyWith(order('a'), order('b'), finalize('b'), order('c', BOTH));
  assert.deepEqual(history.fruitlessOrders(APP), [minute(0), minute(1)]);
  history.add(at(9, issued('b')));
  assert.deepEqual(history.fruitlessOrders(APP), [minute(0)]);
});

const outcomes: [title: string, entries: NewEntry[], minutes: number[]][] = [
  ['no outcome', [validate('a')], [0]],
  ['a failure', [validate('a'), failed({ attempt: 'a' })], [1]],
  ['a failure that is not a refusal', [validate('a'), failed({ attempt: 'a', refused: false })], [1]],
  ['a failure that lists the name', [validate('a'), failed({ attempt: 'a', invalid: APP })], [1]],
  ['a failure that lists another name', [validate('a'), failed({ attempt: 'a', invalid: BOTH })], []],
  ['a failure that lists no name', [validate('a'), failed({ attempt: 'a', invalid: [] })], [1]],
  ['a failure of another attempt', [validate('a'), failed({ attempt: 'b' })], [0]],
  ['a failure without an attempt', [failed()], []],
  [
    'a failure without an attempt that lists the name',
    [failed({ invalid: APP }), failed({ invalid: APP })],
    [0, 1],
  ],
  ['a failure before anything was validated', [order('a'), failed({ attempt: 'a' })], []],
  ['success', [validate('a'), validated('a')], []],
  ['success that is known from the finalization only', [validate('a'), finalize('a')], []],
  ['success that is known from the certificate only', [validate('a'), issued('a')], []],
  ['success after a failure to learn of it', [validate('a'), failed({ attempt: 'a' }), validated('a')], []],
  ['a failure after success', [validate('a'), validated('a'), failed({ attempt: 'a', invalid: APP })], []],
  ['the same attempt again', [validate('a'), validate('a')], [1]],
  [
    'the same attempt, failed twice',
    [validate('a'), failed({ attempt: 'a' }), failed({ attempt: 'a', invalid: APP })],
    [2],
  ],
  [
    'a second failure that lists another name',
    [validate('a'), failed({ attempt: 'a' }), failed({ attempt: 'a', invalid: BOTH })],
    [1],
  ],
  ['validated again after success', [validate('a'), validated('a'), validate('a')], [2]],
  [
    'validated again after success, and failed',
    [validate('a'), validated('a'), validate('a'), failed({ attempt: 'a' })],
    [3],
  ],
  ['two attempts', [validate('a'), validate('b')], [0, 1]],
  ['success of another attempt', [validate('a'), validated('b')], [0]],
];
for (const [title, entries, minutes] of outcomes) {
  test(`failed authorizations: ${title}`, () => {
    assert.deepEqual(historyWith(...entries).failedAuthorizations('app.example.com'), minutes.map(minute));
  });
}

test('a failure counts only for names that were to be validated and that it lists', () => {
  const history = historyWith(
    order('a', ['a.example.com', 'b.example.com', 'c.example.com']),
    validate('a', ['a.example.com', 'b.example.com']),
    failed({ attempt: 'a', invalid: ['b.example.com'] }),
  );
  assert.deepEqual(history.failedAuthorizations('a.example.com'), []);
  assert.deepEqual(history.failedAuthorizations('b.example.com'), [minute(2)]);
  assert.deepEqual(history.failedAuthorizations('c.example.com'), []);
});

test('a finalization counts as an issuance unless the CA certainly issued nothing', () => {
  assert.deepEqual(historyWith(finalize('a')).issuances(APP), [minute(0)]);
  assert.deepEqual(historyWith(finalize('a'), failed({ attempt: 'a' })).issuances(APP), [minute(0)]);
  assert.deepEqual(historyWith(finalize('a'), failed({ attempt: 'a', counted: true })).issuances(APP), [
    minute(0),
  ]);
  assert.deepEqual(historyWith(finalize('a'), failed({ attempt: 'a', counted: false })).issuances(APP), []);
  assert.deepEqual(historyWith(finalize('a'), failed({ counted: false })).issuances(APP), [minute(0)]);
});

test('an order counts as one issuance, at its last finalization', () => {
  const again = [finalize('a'), failed({ attempt: 'a', counted: false }), finalize('a'), issued('a')];
  assert.deepEqual(historyWith(...again).issuances(APP), [minute(2)]);
  assert.deepEqual(historyWith(issued('a')).issuances(APP), [minute(0)]);
});

test('issuances are counted per set of names, in any order', () => {
  const history = historyWith(
    finalize('a', BOTH),
    finalize('b', BOTH.toReversed()),
    finalize('c', ['example.com']),
  );
  assert.deepEqual(history.issuances(BOTH), [minute(0), minute(1)]);
  assert.deepEqual(history.issuances(['example.com']), [minute(2)]);
  assert.deepEqual(history.issuances(['*.example.com']), []);
});

test('a certificate counts for each registered domain that any of its names belongs to', () => {
  const history = historyWith(
    finalize('a', ['app.example.com', 'app.example.org']),
    finalize('b', ['*.example.com']),
    finalize('c', ['app.another-example.com']),
    finalize('d', ['example.com']),
  );
  assert.deepEqual(history.issuancesIn('example.com'), [minute(0), minute(1), minute(3)]);
  assert.deepEqual(history.issuancesIn('example.org'), [minute(0)]);
});

test('for a registered domain replacements do not count, and open orders do', () => {
  const history = historyWith(
    order('a', APP, 'aki.1'),
    finalize('a'),
    order('b', BOTH),
    order('c', ['www.example.com']),
  );
  assert.deepEqual(history.issuancesIn('example.com'), [minute(2), minute(3)]);
  assert.deepEqual(history.issuances(BOTH), []);
});

test('an order is closed when it failed or a later order has the same names', () => {
  assert.deepEqual(historyWith(order('a'), order('b')).issuancesIn('example.com'), [minute(1)]);
  assert.deepEqual(historyWith(order('a'), failed({ attempt: 'a' })).issuancesIn('example.com'), []);
  assert.deepEqual(historyWith(order('a'), finalize('a'), order('b')).issuancesIn('example.com'), [
    minute(1),
    minute(2),
  ]);
});

test('a streak of failures ends with a certificate for exactly the same names', () => {
  const history = historyWith(failed({ names: BOTH }), failed(), failed({ refused: false }), failed());
  assert.equal(history.refusalsInARow(APP), 2);
  assert.deepEqual(history.failingSince(APP), minute(1));
  assert.equal(history.refusalsInARow(BOTH.toReversed()), 1);
  history.add(at(8, issued('a')));
  assert.equal(history.refusalsInARow(APP), 0);
  assert.equal(history.failingSince(APP), undefined);
  assert.equal(history.refusalsInARow(BOTH), 1);
});

test('a failure that is not a refusal starts a streak too', () => {
  assert.deepEqual(historyWith(failed({ refused: false }), failed()).failingSince(APP), minute(0));
});

test('the longest back-off of a streak applies, for at most 7 days', () => {
  const until = (count: number) => ({ notBefore: minute(count).toISOString() });
  assert.deepEqual(historyWith(failed(until(100)), failed(until(10)), failed()).notBefore(APP), minute(100));
  assert.equal(historyWith(failed(until(100)), issued('a')).notBefore(APP), undefined);
  assert.deepEqual(
    historyWith(failed({ notBefore: '2099-01-01T00:00:00Z' })).notBefore(APP),
    new Date(START + 7 * DAY),
  );
});

test('the longest pause that the CA asked for applies to all names, for at most 7 days', () => {
  const pause = (until: string): NewEntry => ({ event: 'pause', until });
  const one = minute(30).toISOString();
  assert.deepEqual(
    historyWith(pause(one), pause(minute(5).toISOString()), issued('a')).pausedUntil(),
    minute(30),
  );
  assert.deepEqual(historyWith(pause('2099-01-01T00:00:00Z')).pausedUntil(), new Date(START + 7 * DAY));
});

test('the latest renewal advice for a certificate applies', () => {
  const advice = (certificate: string, askAgain: number): NewEntry => ({
    ...{ event: 'advice', certificate, explanationUrl: 'https://ca.example/why' },
    ...{ start: minute(1).toISOString(), end: minute(2).toISOString() },
    askAgainAt: minute(askAgain).toISOString(),
  });
  const history = historyWith(advice('a.1', 10), advice('a.1', 20), advice('a.2', 30));
  assert.deepEqual(history.advice('a.1'), {
    ...{ start: minute(1), end: minute(2), pollAgainAt: minute(20) },
    explanationUrl: 'https://ca.example/why',
  });
  assert.deepEqual(history.advice('a.2')?.pollAgainAt, minute(30));
});

const OWNER = '_acme-challenge.example.com';
test('recentlyValidated gives when validation at an owner name last started or ended', () => {
  assert.deepEqual(historyWith(validate('a', BOTH)).recentlyValidated(OWNER), minute(0));
  assert.deepEqual(historyWith(validate('a', ['*.example.com'])).recentlyValidated(OWNER), minute(0));
  assert.deepEqual(historyWith(validate('a', BOTH), validated('a')).recentlyValidated(OWNER), minute(1));
  assert.deepEqual(
    historyWith(validate('a', BOTH), failed({ attempt: 'a' })).recentlyValidated(OWNER),
    minute(1),
  );
  assert.deepEqual(
    historyWith(validate('a', BOTH), validated('a'), finalize('a')).recentlyValidated(OWNER),
    minute(1),
  );
  assert.equal(historyWith(validate('a')).recentlyValidated(OWNER), undefined);
});

test('recentlyValidated ignores the attempt that asks', () => {
  const history = historyWith(validate('a', BOTH), validate('b', BOTH));
  assert.deepEqual(history.recentlyValidated(OWNER, 'b'), minute(0));
  assert.deepEqual(history.recentlyValidated(OWNER, 'a'), minute(1));
  assert.equal(historyWith(validate('a', BOTH)).recentlyValidated(OWNER, 'a'), undefined);
});

test('lastIssued gives the last certificate for exactly these names', () => {
  const history = historyWith(issued('a'), issued('b', APP, '02'), issued('c', BOTH, '03'), failed());
  const notAfter = new Date('2027-02-22T00:00:00.000Z');
  assert.deepEqual(history.lastIssued(APP), { serial: '02', at: minute(1), notAfter });
  assert.equal(history.lastIssued(BOTH.toReversed())?.serial, '03');
  assert.equal(history.lastIssued(['example.com']), undefined);
});

test('lastRefusal has the CA’s message until a certificate is issued, also for entries of earlier versions', () => {
  const history = historyWith(
    failed(),
    failed({ message: 'no TXT record' }),
    failed({ code: 'ACME_UNREACHABLE', refused: false, message: 'gone' }),
  );
  const code = 'ACME_ORDER_FAILED';
  assert.deepEqual(history.lastRefusal(APP), { at: minute(1), code, message: 'no TXT record' });
  assert.equal(history.lastRefusal(BOTH), undefined);
  assert.deepEqual(historyWith(failed()).lastRefusal(APP), { at: minute(0), code, message: undefined });
  assert.equal(historyWith(failed({ message: 'no' }), issued('a')).lastRefusal(APP), undefined);
});

test('pausedBy gives the longest pause, with the CA’s message', () => {
  const pause = (minutes: number, message?: string): NewEntry => ({
    ...{ event: 'pause', until: minute(minutes).toISOString() },
    ...(message === undefined ? {} : { code: 'ACME_PROBLEM', message }),
  });
  const { pausedBy, pausedUntil } = historyWith(pause(60, 'busy'), pause(30, 'slow'));
  assert.deepEqual([pausedBy()?.message, pausedUntil()], ['busy', minute(60)]);
  assert.equal(historyWith(pause(60)).pausedBy(), undefined);
});
