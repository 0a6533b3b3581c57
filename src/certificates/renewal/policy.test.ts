import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CertificateFacts } from '../certificate.ts';
import type { RenewalAdvice } from './ari.ts';
import { decideRenewal, type RenewalInputs, renewalDue } from './policy.ts';

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

/** The decision about a certificate of so many days, of which nothing else is known, at an age in days. */
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

/** When it becomes due as things are on its first day, in days; to a second. */
function dueAt(days: number, more: Partial<RenewalInputs> = {}): number {
  const decision = decide(days, 0.001, more);
  if (decision.action === 'order') return 0;
  return Math.round((decision.until.getTime() - start.getTime()) / 1000) / (DAY / 1000);
}

test('without a certificate, or with one that cannot be served, one is ordered, and it is urgent', () => {
  const none = decideRenewal({ ...ask, certificate: undefined });
  assert.deepEqual(none, { action: 'order', urgent: true, reason: 'there is no certificate yet' });
  const unusable = decide(90, 0, { unusable: 'it is for another name', issuedAt: [start, start, start] });
  assert.ok(unusable.action === 'order' && unusable.urgent);
  assert.match(unusable.reason, /another name/);
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

const sentences: [title: string, age: number, more: Partial<RenewalInputs>, reason: string][] = [
  [
    'kept',
    1,
    {},
    'renewal is due at 2026-03-02T00:00:00.000Z: a third or less of the lifetime is left from then on',
  ],
  [
    'due',
    61,
    {},
    'renewal has been due since 2026-03-02T00:00:00.000Z: a third or less of the lifetime is left from then on; the certificate ends at 2026-04-01T00:00:00.000Z',
  ],
  [
    'advised',
    1,
    { advice: { ...window(40, 42), explanationUrl: 'https://ca.example/why' } },
    'renewal is due at 2026-02-10T00:00:00.000Z: the CA asks for it between 2026-02-10T00:00:00.000Z and 2026-02-12T00:00:00.000Z (see https://ca.example/why)',
  ],
  [
    'wished',
    1,
    { daysBefore: 40 },
    'renewal is due at 2026-02-20T00:00:00.000Z: RENEW_DAYS_BEFORE=40 asks for it',
  ],
  [
    'wished too early',
    1,
    { daysBefore: 99 },
    'renewal is due at 2026-01-31T00:00:00.000Z: RENEW_DAYS_BEFORE=99 asks for it, but not before a third of the lifetime is over',
  ],
  [
    'urgent',
    80,
    { advice: window(82, 84) },
    'renewal has been due since 2026-03-17T00:00:00.000Z: a sixth or less of the lifetime is left from then on; the certificate ends at 2026-04-01T00:00:00.000Z',
  ],
  [
    'too soon after others',
    2,
    { advice: window(1, 1.5), issuedAt: [after(0.5), start] },
    'renewal has been due since 2026-01-02T00:00:00.000Z: the CA asks for it between 2026-01-02T00:00:00.000Z and 2026-01-02T12:00:00.000Z, but certificates for these names were issued at 2026-01-01T00:00:00.000Z and 2026-01-01T12:00:00.000Z: no other one before 2026-01-16T12:00:00.000Z',
  ],
  [
    'told the same again',
    2,
    { advice: window(-2, -1), issuedAt: [start, after(0.5)] },
    'renewal is due at 2026-03-02T00:00:00.000Z: a third or less of the lifetime is left from then on; the CA asks for it between 2025-12-30T00:00:00.000Z and 2025-12-31T00:00:00.000Z, which had passed when the certificate was issued, as with the one before it',
  ],
];
for (const [title, age, more, reason] of sentences) {
  test(`the reason: ${title}`, () => assert.equal(decide(90, age, more).reason, reason));
}

test('a window that had passed when the certificate was issued is followed once', () => {
  const passed = window(-2, -1);
  assert.equal(decide(90, 1, { advice: passed, issuedAt: [after(-60), start] }).action, 'order');
  const told = decide(90, 40, { advice: passed, issuedAt: [after(-0.1), start] });
  assert.deepEqual(told.action === 'keep' && told.until, after(60));
});

test('what is to be revoked on the day after it was issued is replaced at once', () => {
  const revoked = window(0.9, 0.95);
  assert.equal(decide(90, 1, { advice: revoked, issuedAt: [after(-60), start] }).action, 'order');
  assert.equal(
    decide(45, 1, { advice: revoked, daysBefore: 30, issuedAt: [after(-15), start] }).action,
    'order',
  );
  assert.equal(decide(6, 1, { advice: revoked, issuedAt: [after(-3), start] }).action, 'order');
});

/** Issued at day 0, in the place of one of day -1, and again for the CA there is reason to replace it. */
const again: [days: number, due: number][] = [
  [90, 15],
  [45, 7.5],
  [6, 1.5],
  [1, 0.25],
];
for (const [days, due] of again) {
  test(`of ${days} days, the replacement of what was just issued is replaced after ${due} days`, () => {
    const issuedAt = [after(-0.01 * days), start];
    const decision = decide(days, 0.01 * days, { advice: window(0.001 * days, 0.002 * days), issuedAt });
    assert.equal(decision.action, 'keep');
    assert.equal(decision.action === 'keep' && decision.until.getTime(), after(due).getTime());
  });
}

test('a clock that is far ahead makes no loop, but what is urgent is not held up for long', () => {
  const issuedAt = [after(59), after(60)];
  const due = decide(90, 61, { issuedAt });
  assert.deepEqual(due.action === 'keep' && due.until, after(75));
  const urgent = decide(90, 76, { issuedAt: [after(75), after(75.5)] });
  assert.deepEqual(urgent.action === 'keep' && urgent.until, after(77));
  assert.equal(decide(90, 77, { issuedAt: [after(75), after(75.5)] }).action, 'order');
});

test('issuances that are in the future since the clock was set back hold up nothing', () => {
  const decision = decide(90, 61, { issuedAt: [start, after(300), after(301)] });
  assert.equal(decision.action, 'order');
});

test('a certificate that nothing is known of is renewed by its own dates', () => {
  const decision = decide(90, 61, { issuedAt: [] });
  assert.equal(decision.action, 'order');
});
