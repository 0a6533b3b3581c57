import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeState } from '../commands/print/state.ts';
import { fold, type LogLine, type State } from './state.ts';

const at = (second: number) => `2026-01-02T03:04:${String(second).padStart(2, '0')}.000Z`;
const starting = {
  event: 'starting',
  time: at(0),
  version: '1.2.3',
  domains: ['app.example.com', 'api.example.com'],
  provider: 'namecheap',
};
const domain = 'app.example.com';
const now = new Date(at(10));
const serving = {
  event: 'serving',
  domain,
  time: at(1),
  serial: '04b1',
  notAfter: '2026-04-01T00:00:00.000Z',
};
const waiting = {
  event: 'waiting',
  time: at(2),
  until: at(50),
  msg: 'waiting 48 s before Namecheap is asked again: our own limit of calls is reached',
};
const failed = {
  event: 'pass-failed',
  domain,
  time: at(3),
  nextAttempt: at(8),
  err: { code: 'PROVIDER_UNREACHABLE', message: 'Namecheap could not be asked', hint: 'Check the network.' },
};

function after(...lines: readonly LogLine[]): State {
  const state = lines.reduce<State | undefined>((before, line) => fold(before, line, 42), undefined);
  assert.ok(state);
  return state;
}

test('before the start there is no state', () => assert.equal(fold(undefined, serving, 42), undefined));

test('a start begins anew', () => {
  const { time: startedAt, version, provider, domains } = starting;
  const names = domains.map((name) => ({ domain: name }));
  assert.deepEqual(after(failed, starting), { pid: 42, version, provider, startedAt, names, warnings: [] });
});

test('a wait is shown until something else happens', () => {
  assert.deepEqual(after(starting, waiting).waiting, { since: at(2), sentence: waiting.msg, until: at(50) });
  assert.ok(after(starting, waiting, { event: 'warning', msg: 'beware' }).waiting);
  assert.ok(after(starting, waiting, { event: 'connection-failed', component: 'haproxy' }).waiting);
  assert.equal(after(starting, waiting, { event: 'records-published', time: at(4) }).waiting, undefined);
});

test('a failure is shown with its remedy until a pass finishes', () => {
  const [state, other] = after(starting, serving, failed).names;
  assert.deepEqual(state?.failure, { ...failed.err, retryable: true, nextAttempt: at(8) });
  assert.deepEqual(state.pass, { at: at(3), outcome: 'failed' });
  assert.equal(state.certificate?.serial, '04b1');
  assert.deepEqual(other, { domain: 'api.example.com' }, 'that is no news of another name');
  const [mended] = after(starting, failed, { event: 'pass-finished', domain, time: at(9) }).names;
  assert.equal(mended?.failure, undefined);
  assert.deepEqual(mended?.pass, { at: at(9), outcome: 'finished' });
});

test('a warning is kept once', () => {
  const warning = { event: 'warning', msg: 'beware' };
  assert.deepEqual(after(starting, warning, warning).warnings, ['beware']);
});

test('what a write has lost stays a warning after a pass that finishes', () => {
  const err = { code: 'ZONE_DAMAGED', message: 'www is gone.', hint: 'Restore /x.' };
  const { warnings } = after(starting, { ...failed, err }, { event: 'pass-finished', domain, time: at(9) });
  assert.deepEqual(warnings, [`${at(3)}: www is gone. Restore /x.`]);
});

test('a person sees all of it, and no control character', () => {
  const alone = { ...starting, domains: ['app.example.com'] };
  const text = describeState(
    after(alone, serving, failed, waiting, { event: 'warning', msg: 'be\u001bware' }),
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

test('every name is shown, and of which a wait is', () => {
  const text = describeState(after(starting, serving, { ...waiting, domain: 'api.example.com' }), now);
  assert.equal(
    text,
    `ingress       2 names, records at namecheap, version 1.2.3, since ${at(0)}
name          app.example.com
certificate   serial 04b1, valid until 2026-04-01T00:00:00.000Z (88 days 20 hours left)
last pass     none has ended yet
name          api.example.com
certificate   none is served yet
last pass     none has ended yet
waiting       api.example.com: ${waiting.msg} (since ${at(2)})
`,
  );
});

test('when it is renewed and why, what has expired, and why no order is made', () => {
  const alone = { ...starting, domains: [domain] };
  const until = '2026-03-01T00:00:00.000Z';
  const kept = {
    event: 'certificate-kept',
    domain,
    until,
    msg: `renewal is due at ${until}: a third is left`,
  };
  const state = after(alone, serving, kept);
  assert.deepEqual(state.names[0]?.renewal, { at: until, reason: kept.msg });
  assert.match(
    describeState(state, now),
    new RegExp(`^renewal {7}is due at ${until}: a third is left$`, 'm'),
  );
  const due = { event: 'renewal-due', domain, msg: 'renewal has been due since then' };
  assert.match(describeState(after(alone, serving, due), now), /^renewal {7}has been due since then$/m);
  const held = { event: 'order-held-back', domain, until, why: 'used up' };
  assert.match(
    describeState(after(alone, held), now),
    new RegExp(`^no order {6}before ${until}: used up$`, 'm'),
  );
  assert.equal(after(alone, held, { event: 'order', domain }).names[0]?.held, undefined);
});

test('what has expired is named so, whether it is still served or not', () => {
  const alone = { ...starting, domains: [domain] };
  const notAfter = '2026-01-01T03:04:10.000Z';
  const gone = { event: 'certificate-expired', domain, serial: '04b1', notAfter };
  const words = `serial 04b1, expired 1 day ago, at ${notAfter}`;
  const rowOf = (state: State) => /^certificate +(.*)$/m.exec(describeState(state, now))?.[1];
  assert.equal(rowOf(after(alone, { ...serving, notAfter })), words);
  assert.equal(rowOf(after(alone, { ...serving, notAfter }, gone)), words);
  assert.equal(rowOf(after(alone, gone)), `${words}; it is not served`);
  assert.equal(after(alone, gone, serving).names[0]?.expired, undefined);
});
