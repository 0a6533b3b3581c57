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

test('a start begins anew', () => {
  const { version, provider, domains } = starting;
  const names = domains.map((name) => ({ domain: name }));
  const expected = { pid: 42, version, provider, startedAt: at(0), names, warnings: [] };
  assert.deepEqual(after(started, failed, started), expected);
});

test('a wait is shown until something else happens', () => {
  const shown = { since: at(2), sentence: sentenceOf(wait), until: at(50) };
  assert.deepEqual(after(started, waiting).waiting, shown);
  const vanished: Moment = [3, { type: 'challenge-vanished', name: `_acme-challenge.${domain}` }];
  const noAdvice: Moment = [3, { type: 'renewal-advice-failed', error }];
  for (const beside of [warning, vanished, noAdvice])
    assert.deepEqual(after(started, waiting, beside).waiting, shown, beside[1].type);
  assert.equal(after(started, waiting, [4, { type: 'challenge-removed', names: [] }]).waiting, undefined);
});

test('a wait of one certificate has its first name, and until when where that is known', () => {
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

test('an event of a certificate is about all of its names', () => {
  const both = [domain, 'api.example.com'] as const;
  const { names } = after(started, [9, { type: 'reconcile-finished', certificate: both, seconds: 1 }]);
  assert.deepEqual(
    names.map(({ pass }) => pass?.outcome),
    ['finished', 'finished'],
  );
});

test('a certificate is served for the name of the event, and not yet for the others', () => {
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

test('a warning is kept once, also one that has an event of its own', () => {
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

test('the loss that a write caused stays a warning after a reconciliation that finishes', () => {
  const damaged = new IngressError('ZONE_DAMAGED', 'www is gone.', { hint: 'Restore /x.' });
  const { warnings } = after(
    started,
    [3, { type: 'reconcile-failed', ...failure, error: damaged }],
    finished,
  );
  assert.deepEqual(warnings, [`${at(3)}: www is gone. Restore /x.`]);
});

test('a person sees all of it, and no control character', () => {
  const text = describeState(
    after(alone, serving, failed, waiting, [4, { type: 'warning', sentence: 'be\u001bware' }]),
    now,
  );
  for (const words of [
    'app.example.com, records at namecheap, version 1.2.3',
    'serial 04b1, valid until 2026-04-01',
    'failed at 2026-01-02T03:04:03.000Z',
    'PROVIDER_UNREACHABLE: Namecheap could not be asked',
    'Check the network.',
    `next attempt  ${at(8)}`,
    'our own limit of calls is reached',
    'be\\u001bware',
  ]) {
    assert.ok(text.includes(words), `${words} is not in\n${text}`);
  }
  assert.match(describeState(after(alone), now), /none is served yet\nlast pass {5}none has ended yet/);
});

test('every name is shown, and which one waits', () => {
  const until = new Date(at(50));
  const other = {
    ...{ type: 'waiting', for: 'resolvers', certificate: ['api.example.com'], name: 'x', until },
  } as const satisfies IngressEvent;
  const text = describeState(after(started, serving, [2, other]), now);
  assert.equal(
    text,
    `ingress       2 names, records at namecheap, version 1.2.3, since ${at(0)}
name          app.example.com
certificate   serial 04b1, valid until 2026-04-01T00:00:00.000Z (88 days 20 hours left)
last pass     none has ended yet
name          api.example.com
certificate   none is served yet
last pass     none has ended yet
waiting       api.example.com: ${sentenceOf(other)} (since ${at(2)})
`,
  );
});

test('when it is renewed and why, and why no order is made', () => {
  const until = new Date('2026-03-01T00:00:00.000Z');
  const reason = `renewal is due at ${until.toISOString()}: a third is left`;
  const state = after(alone, serving, [2, { type: 'renewal-scheduled', certificate, until, reason }]);
  assert.deepEqual(state.names[0]?.renewal, { at: until.toISOString(), reason });
  assert.match(
    describeState(state, now),
    /^renewal {7}is due at 2026-03-01T00:00:00.000Z: a third is left$/m,
  );
  const due: Moment = [2, { type: 'renewal-due', certificate, reason: 'renewal has been due since then' }];
  assert.match(describeState(after(alone, serving, due), now), /^renewal {7}has been due since then$/m);
  const deferred: Moment = [
    3,
    { type: 'order-deferred', certificate, until, reason: 'used up', isFirst: true },
  ];
  assert.match(
    describeState(after(alone, deferred), now),
    /^no order {6}before 2026-03-01T00:00:00.000Z: used up$/m,
  );
  const order: Moment = [4, { type: 'order', certificate, reason: 'due' }];
  assert.equal(after(alone, deferred, order).names[0]?.held, undefined);
});

test('an expired certificate is described as expired, whether it is still served or not', () => {
  const notAfter = new Date('2026-01-01T03:04:10.000Z');
  const expired = { certificate, serial: '04b1', notAfter };
  const gone: Moment = [2, { type: 'certificate-expired', ...expired, words: 'expired' }];
  const words = `serial 04b1, expired 1 day ago, at ${notAfter.toISOString()}`;
  const rowOf = (state: State) => /^certificate +(.*)$/m.exec(describeState(state, now))?.[1];
  const served: Moment = [1, { type: 'serving', ...expired, name: domain, seconds: 1 }];
  assert.equal(rowOf(after(alone, served)), words);
  assert.equal(rowOf(after(alone, served, gone)), words);
  assert.equal(rowOf(after(alone, gone)), `${words}; it is not served`);
  assert.equal(after(alone, gone, serving).names[0]?.expired, undefined);
});
