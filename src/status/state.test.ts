import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeState } from '../commands/print/state.ts';
import { IngressError } from '../errors.ts';
import { sentenceOf } from '../event-messages.ts';
import type { IngressEvent } from '../events.ts';
import { fold, type State } from './state.ts';

const at = (second: number) => `2026-01-02T03:04:${String(second).padStart(2, '0')}.000Z`;
/** An event, and the second at which it happens. */
type Moment = readonly [second: number, event: IngressEvent];

const domain = 'app.example.com';
const now = new Date(at(10));
const starting = {
  ...{ type: 'starting', version: '1.2.3', domains: [domain, 'api.example.com'] },
  ...{ provider: 'namecheap', directoryUrl: 'https://ca.example/directory' },
} as const satisfies IngressEvent;
const started: Moment = [0, starting];
const alone: Moment = [0, { ...starting, domains: [domain] }];
const certificate = [domain] as const;
const life = { serial: '04b1', notAfter: new Date('2026-04-01T00:00:00.000Z') };
const serving: Moment = [1, { type: 'serving', certificate, name: domain, ...life, seconds: 1 }];
const wait = {
  ...{ type: 'waiting', for: 'provider', provider: 'namecheap', title: 'Namecheap' },
  ...{ reason: 'budget', waitMs: 48_000, until: new Date(at(50)) },
} as const satisfies IngressEvent;
const waiting: Moment = [2, wait];
const error = new IngressError('PROVIDER_UNREACHABLE', 'Namecheap could not be asked', {
  hint: 'Check the network.',
});
const failure = { certificate, step: 'records', seconds: 2, attempt: 1, nextAttempt: new Date(at(8)) };
const failed: Moment = [3, { type: 'reconcile-failed', ...failure, error }];
const finished: Moment = [9, { type: 'reconcile-finished', certificate, seconds: 1 }];
const warning: Moment = [4, { type: 'warning', sentence: 'beware' }];

function after(...moments: readonly Moment[]): State {
  const state = moments.reduce<State | undefined>(
    (before, [second, event]) => fold(before, event, at(second), 42),
    undefined,
  );
  assert.ok(state);
  return state;
}

test('before the start there is no state', () =>
  assert.equal(fold(undefined, serving[1], at(1), 42), undefined));

test('a start begins with an empty state', () => {
  const { version, provider, domains } = starting;
  const names = domains.map((name) => ({ domain: name }));
  const expected = { pid: 42, version, provider, startedAt: at(0), names, warnings: [] };
  assert.deepEqual(after(started, failed, started), expected);
});

test('a wait is shown until another event', () => {
  const shown = { since: at(2), sentence: sentenceOf(wait), until: at(50) };
  assert.deepEqual(after(started, waiting).waiting, shown);
  const vanished: Moment = [3, { type: 'challenge-vanished', name: `_acme-challenge.${domain}` }];
  const noAdvice: Moment = [3, { type: 'renewal-advice-failed', error }];
  for (const beside of [warning, vanished, noAdvice])
    assert.deepEqual(after(started, waiting, beside).waiting, shown, beside[1].type);
  assert.equal(after(started, waiting, [4, { type: 'challenge-removed', names: [] }]).waiting, undefined);
});

test('a wait of one certificate has its first name, and its end if that is known', () => {
  const progress = { certificate, zone: 'example.com', servers: 2, seenBy: 1, waitingFor: [] };
  const shown = (resolvers?: { from: Date; isDue: boolean }) => {
    const { waiting } = after(started, [2, { type: 'waiting', for: 'records', ...progress, resolvers }]);
    return [waiting?.domain, waiting?.until];
  };
  assert.deepEqual(shown(), [domain, undefined]);
  assert.deepEqual(shown({ from: now, isDue: false }), [domain, now.toISOString()]);
  assert.deepEqual(shown({ from: now, isDue: true }), [domain, undefined]);
});

test('a failure is shown with its hint until a reconciliation finishes', () => {
  const [state, other] = after(started, serving, failed).names;
  const { code, message, hint } = error;
  assert.deepEqual(state?.failure, { code, message, hint, retryable: true, nextAttempt: at(8) });
  assert.deepEqual(state.pass, { at: at(3), outcome: 'failed' });
  assert.equal(state.certificate?.serial, '04b1');
  assert.deepEqual(other, { domain: 'api.example.com' }, 'the other name is not affected');
  const [fixed] = after(started, failed, finished).names;
  assert.equal(fixed?.failure, undefined);
  assert.deepEqual(fixed?.pass, { at: at(9), outcome: 'finished' });
});

test('a failure that is not ours has the code UNEXPECTED and its message', () => {
  const thrown = new TypeError('broken');
  const [state] = after(started, [3, { type: 'reconcile-failed', ...failure, error: thrown }]).names;
  const expected = { code: 'UNEXPECTED', message: 'broken', hint: '', retryable: true, nextAttempt: at(8) };
  assert.deepEqual(state?.failure, expected);
});

test('an event of a certificate applies to all of its names', () => {
  const both = [domain, 'api.example.com'] as const;
  const { names } = after(started, [9, { type: 'reconcile-finished', certificate: both, seconds: 1 }]);
  assert.deepEqual(
    names.map(({ pass }) => pass?.outcome),
    ['finished', 'finished'],
  );
});

test('a certificate is served for the name in the event, and not yet for its other names', () => {
  const both = [domain, 'api.example.com'] as const;
  const servedFor = (name: string): Moment => [
    1,
    { type: 'serving', certificate: both, name, ...life, seconds: 1 },
  ];
  const servedNames = (...moments: readonly Moment[]) =>
    after(started, ...moments).names.flatMap((one) => (one.certificate ? [one.domain] : []));
  assert.deepEqual(servedNames(servedFor('api.example.com')), ['api.example.com']);
  assert.deepEqual(servedNames(servedFor('api.example.com'), servedFor(domain)), both);
});

test('a repeated warning is kept once, also one with its own event type', () => {
  assert.deepEqual(after(started, warning, warning).warnings, ['beware']);
  const abandoned = { type: 'challenge-abandoned', name: 'x', zone: 'example.com' } as const;
  assert.deepEqual(after(started, [4, abandoned], [5, abandoned]).warnings, [sentenceOf(abandoned)]);
});

test('a warning is replaced by the next of its subject, and removed when it is over', () => {
  const replacing: Moment = [5, { type: 'warning', subject: 's', sentence: 'worse', replaces: 'beware' }];
  assert.deepEqual(after(started, warning, replacing).warnings, ['worse']);
  const over: Moment = [6, { type: 'warning-over', subject: 's', warning: 'worse' }];
  assert.deepEqual(after(started, warning, replacing, over).warnings, []);
});

test('the warning that a write lost records stays after a reconciliation that finishes', () => {
  const damaged = new IngressError('ZONE_DAMAGED', 'www is gone.', { hint: 'Restore /x.' });
  const { warnings } = after(
    started,
    [3, { type: 'reconcile-failed', ...failure, error: damaged }],
    finished,
  );
  assert.deepEqual(warnings, [`${at(3)}: www is gone. Restore /x.`]);
});

test('the text for a terminal has no control character', () => {
  const text = describeState(after(alone, [4, { type: 'warning', sentence: 'be\u001bware' }]), now);
  assert.ok(text.includes('be\\u001bware'), text);
});

test('a name has the time and reason of its renewal, and the reason why no order is made', () => {
  const until = new Date('2026-03-01T00:00:00.000Z');
  const reason = `renewal is due at ${until.toISOString()}: a third is left`;
  const [first] = after(alone, serving, [2, { type: 'renewal-scheduled', certificate, until, reason }]).names;
  assert.deepEqual(first?.renewal, { at: until.toISOString(), reason });
  const due = { type: 'renewal-due', certificate, reason: 'renewal has been due since then' } as const;
  assert.deepEqual(after(alone, serving, [2, due]).names[0]?.renewal, { reason: due.reason });
  const deferred: Moment = [
    3,
    { type: 'order-deferred', certificate, until, reason: 'used up', isFirst: true },
  ];
  const held = { until: until.toISOString(), sentence: 'used up' };
  assert.deepEqual(after(alone, deferred).names[0]?.held, held);
  const order: Moment = [4, { type: 'order', certificate, reason: 'due' }];
  assert.equal(after(alone, deferred, order).names[0]?.held, undefined);
});

test('an expired certificate is kept as expired, whether it is still served or not', () => {
  const notAfter = new Date('2026-01-01T03:04:10.000Z');
  const ended = { certificate, serial: '04b1', notAfter };
  const gone: Moment = [2, { type: 'certificate-expired', ...ended, words: 'expired' }];
  const served: Moment = [1, { type: 'serving', ...ended, name: domain, seconds: 1 }];
  const shown = (...moments: readonly Moment[]) => {
    const [name] = after(alone, ...moments).names;
    return [name?.certificate, name?.expired];
  };
  const expired = { serial: '04b1', notAfter: notAfter.toISOString() };
  assert.deepEqual(shown(served), [expired, undefined]);
  assert.deepEqual(shown(served, gone), [expired, expired]);
  assert.deepEqual(shown(gone), [undefined, expired]);
  assert.equal(shown(gone, serving)[1], undefined);
});
