import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CertificateFacts } from '../certificate.ts';
import type { RenewalAdvice } from './ari.ts';
import { decideRenewal, type RenewalInputs, type RenewalRule, renewalDue } from './policy.ts';

const DAY = 86_400_000;
const start = new Date('2026-01-01T00:00:00Z');
const after = (days: number) => new Date(start.getTime() + days * DAY);
const lasting = (days: number, from = 0): CertificateFacts => ({
  names: ['app.example.com'],
  serial: '01',
  fingerprint256: 'AA',
  issuer: 'CN=Test',
  notBefore: after(from),
  notAfter: after(from + days),
});
const window = (from: number, to: number): RenewalAdvice => ({
  window: { start: after(from), end: after(to) },
});

/**
 * Decides about a certificate with this lifetime and age in days, by default without other inputs.
 */
function decide(days: number, age: number, more: Partial<RenewalInputs> = {}) {
  return decideRenewal({
    certificate: lasting(days),
    unusable: undefined,
    advice: undefined,
    issuedAt: [start],
    daysBefore: undefined,
    now: after(age),
    jitter: 0,
    ...more,
  });
}

/**
 * When renewal becomes due according to the decision on the first day: in days, rounded to seconds.
 */
function dueAt(days: number, more: Partial<RenewalInputs> = {}): number {
  const decision = decide(days, 0.001, more);
  if (decision.action === 'order') return 0;
  return Math.round((decision.until.getTime() - start.getTime()) / 1000) / (DAY / 1000);
}

test('a missing certificate, or one that cannot be served, is ordered urgently', () => {
  const none = decideRenewal({ ...ask, certificate: undefined });
  assert.ok(none.action === 'order' && none.urgent);
  assert.equal(none.rule, 'missing');
  const unusable = decide(90, 0, { unusable: 'it is for another name', issuedAt: [start, start, start] });
  assert.ok(unusable.action === 'order' && unusable.urgent);
  assert.equal(unusable.rule, 'unusable');
});

const ask: RenewalInputs = {
  certificate: lasting(90),
  unusable: undefined,
  advice: undefined,
  issuedAt: [],
  daysBefore: undefined,
  now: start,
  jitter: 0,
};

const ages: [days: number, age: number, expected: 'keep' | 'order' | 'urgent'][] = [
  [90, 0, 'keep'],
  [90, 59.99, 'keep'],
  [90, 60, 'order'],
  [90, 74.9, 'order'],
  [90, 75, 'urgent'],
  [90, 89, 'urgent'],
  [45, 29.9, 'keep'],
  [45, 30.1, 'order'],
  [45, 37.5, 'urgent'],
  [10, 6.6, 'keep'],
  [10, 6.7, 'order'],
  [9.9, 4.9, 'keep'],
  [9.9, 5, 'order'],
  [6, 2.9, 'keep'],
  [6, 3, 'order'],
  [6, 4.4, 'order'],
  [6, 4.5, 'urgent'],
];
for (const [days, age, expected] of ages) {
  test(`without advice, a certificate of ${days} days is at ${age} days: ${expected}`, () => {
    const decision = decide(days, age);
    const word = decision.action === 'order' && decision.urgent ? 'urgent' : decision.action;
    assert.equal(word, expected);
    if (decision.action === 'keep') assert.deepEqual(decision.until, renewalDue(lasting(days)));
  });
}

const moments: [title: string, days: number, more: Partial<RenewalInputs>, due: number][] = [
  ['advice: the start of its window', 90, { advice: window(40, 42) }, 40],
  ['advice: a random moment of it', 90, { advice: window(40, 42), jitter: 0.75 }, 41.5],
  ['advice that is later than a third', 90, { advice: window(70, 72) }, 70],
  ['advice that is too late', 90, { advice: window(80, 82) }, 75],
  ['advice for the next century', 90, { advice: window(36500, 36501) }, 75],
  ['advice that is too late for a short one', 6, { advice: window(5, 5.5) }, 4.5],
  ['a window that has passed', 90, { advice: window(-2, -1) }, 0],
  ['30 days before: that is a third', 90, { daysBefore: 30 }, 60],
  ['40 days before', 90, { daysBefore: 40 }, 50],
  ['1 day before changes nothing', 90, { daysBefore: 1 }, 60],
  ['1 day before, and advice', 90, { daysBefore: 1, advice: window(62, 64) }, 62],
  ['40 days before, and later advice', 90, { daysBefore: 40, advice: window(62, 64) }, 50],
  ['40 days before, and earlier advice', 90, { daysBefore: 40, advice: window(45, 46) }, 45],
  ['60 days before', 90, { daysBefore: 60 }, 30],
  ['10000 days before', 90, { daysBefore: 10_000 }, 30],
  ['60 days before, of 45', 45, { daysBefore: 60 }, 15],
  ['10000 days before, of 6', 6, { daysBefore: 10_000 }, 3],
];
for (const [title, days, more, due] of moments) {
  test(`of ${days} days; ${title}: due at ${due} days`, () => assert.equal(dueAt(days, more), due));
}

const rules: [title: string, age: number, more: Partial<RenewalInputs>, rule: RenewalRule][] = [
  ['not due', 1, {}, 'lifetime'],
  ['due', 61, {}, 'lifetime'],
  ['advice', 1, { advice: window(40, 42) }, 'advice'],
  ['an earlier RENEW_DAYS_BEFORE', 1, { daysBefore: 40 }, 'days-before'],
  ['a RENEW_DAYS_BEFORE that is too early', 1, { daysBefore: 99 }, 'days-before'],
  ['urgent before the advised time', 80, { advice: window(82, 84) }, 'urgent'],
  ['too soon after others', 2, { advice: window(1, 1.5), issuedAt: [after(0.5), start] }, 'advice'],
  ['advice that had passed', 2, { advice: window(-2, -1), issuedAt: [start, after(0.5)] }, 'advice-repeated'],
];
for (const [title, age, more, rule] of rules) {
  test(`the rule: ${title} is ${rule}`, () => assert.equal(decide(90, age, more).rule, rule));
}

test('a decision says whether recent issuances defer the renewal', () => {
  const advice = window(1, 1.5);
  const isSpaced = (issuedAt: Date[]) => {
    const decision = decide(90, 0.9, { advice, issuedAt });
    return decision.action === 'keep' && decision.isSpaced;
  };
  assert.deepEqual([isSpaced([start]), isSpaced([after(0.5), start])], [false, true]);
});

test('a window that had passed when the certificate was issued is followed once', () => {
  const passed = window(-2, -1);
  assert.equal(decide(90, 1, { advice: passed, issuedAt: [after(-60), start] }).action, 'order');
  const decision = decide(90, 40, { advice: passed, issuedAt: [after(-0.1), start] });
  assert.deepEqual(decision.action === 'keep' && decision.until, after(60));
});

test('a certificate that will be revoked the day after it was issued is replaced at once', () => {
  const revoked = window(0.9, 0.95);
  assert.equal(decide(90, 1, { advice: revoked, issuedAt: [after(-60), start] }).action, 'order');
  assert.equal(
    decide(45, 1, { advice: revoked, daysBefore: 30, issuedAt: [after(-15), start] }).action,
    'order',
  );
  assert.equal(decide(6, 1, { advice: revoked, issuedAt: [after(-3), start] }).action, 'order');
});

/** Issued on day 0 to replace one that was just issued, with advice to replace it again. */
const again: [days: number, due: number][] = [
  [90, 15],
  [45, 7.5],
  [6, 1.5],
  [1, 0.25],
];
for (const [days, due] of again) {
  test(`of ${days} days, the replacement of a new certificate is replaced after ${due} days`, () => {
    const issuedAt = [after(-0.01 * days), start];
    const decision = decide(days, 0.01 * days, { advice: window(0.001 * days, 0.002 * days), issuedAt });
    assert.equal(decision.action, 'keep');
    assert.equal(decision.action === 'keep' && decision.until.getTime(), after(due).getTime());
  });
}

test('a clock that is far ahead causes no loop, and defers an urgent renewal only briefly', () => {
  const issuedAt = [after(59), after(60)];
  const due = decide(90, 61, { issuedAt });
  assert.deepEqual(due.action === 'keep' && due.until, after(75));
  const urgent = decide(90, 76, { issuedAt: [after(75), after(75.5)] });
  assert.deepEqual(urgent.action === 'keep' && urgent.until, after(77));
  assert.equal(decide(90, 77, { issuedAt: [after(75), after(75.5)] }).action, 'order');
});

test('issuances in the future, after the clock was set back, defer nothing', () => {
  const decision = decide(90, 61, { issuedAt: [start, after(300), after(301)] });
  assert.equal(decision.action, 'order');
});

test('a certificate that the ledger does not know is renewed by its own dates', () => {
  const decision = decide(90, 61, { issuedAt: [] });
  assert.equal(decision.action, 'order');
});
