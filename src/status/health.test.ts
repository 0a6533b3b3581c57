import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CertificateFacts } from '../certificates/certificate.ts';
import { judge, type Look, sample } from './health.ts';
import type { NameState, State } from './state.ts';

const facts: CertificateFacts = {
  names: ['app.example.com'],
  serial: '01',
  fingerprint256: 'AB',
  issuer: 'CN=(STAGING) Pretend Pear',
  notBefore: new Date('2026-10-01T00:00:00Z'),
  notAfter: new Date('2026-12-30T00:00:00Z'),
};
const now = new Date('2026-11-01T00:00:00Z');

/** The sentence of a judgement, which begins with its status. */
function judged(looks: readonly Look[], names: number, at = now, state?: State): string {
  const { status, sentence } = judge(looks, { port: 443, runtimeDir: '/run/x', names, state }, at);
  assert.ok(sentence.startsWith(`${status}: `), `${status}: ${sentence}`);
  return sentence;
}

const alone: [title: string, certificate: CertificateFacts, domain: string, at: Date, sentence: string][] = [
  [
    'one that is for the name and valid, whoever issued it',
    ...([facts, 'app.example.com', now] as const),
    'healthy: serving app.example.com until 2026-12-30T00:00:00.000Z',
  ],
  [
    'a wildcard',
    ...([{ ...facts, names: ['*.example.com'] }, '*.example.com', now] as const),
    'healthy: serving *.example.com until 2026-12-30T00:00:00.000Z',
  ],
  [
    'an expired one',
    ...([facts, 'app.example.com', new Date('2026-12-30T00:00:00Z')] as const),
    'unhealthy: the certificate expired less than a minute ago, at 2026-12-30T00:00:00.000Z',
  ],
  [
    'one for another name',
    ...([facts, 'other.example.com', now] as const),
    'unhealthy: the certificate is for app.example.com, not for other.example.com',
  ],
];
for (const [title, certificate, domain, at, sentence] of alone) {
  test(`judgement of ${title}`, () => {
    const looks = [{ domain, facts: certificate }];
    assert.deepEqual(judged(looks, 1, at), sentence);
  });
}

const failed = (code: string, message: string) => Object.assign(new Error(message), { code });
const failures: [title: string, thrown: unknown, sentence: string][] = [
  ['a closed port', failed('ECONNREFUSED', 'connect'), 'unhealthy: nothing answers on port 443'],
  [
    'a socket that is gone',
    failed('ENOENT', 'connect'),
    'unhealthy: there is no socket in RUNTIME_DIR (/run/x), so port 443 cannot be checked: its files were deleted, or no ingress runs with it; restart the ingress',
  ],
  ['a refused name', failed('ERR_SSL_TLSV1_UNRECOGNIZED_NAME', 'x'), 'unhealthy: no certificate yet'],
  [
    'the same, as another OpenSSL calls it',
    failed('ERR_SSL_TLSV1_ALERT_UNRECOGNIZED_NAME', 'x'),
    'unhealthy: no certificate yet',
  ],
  ['anything else', failed('ECONNRESET', 'read\nECONNRESET\n'), 'unhealthy: port 443: read ECONNRESET'],
  ['silence', new Error('no handshake within 3 s'), 'unhealthy: port 443: no handshake within 3 s'],
];
for (const [title, thrown, sentence] of failures) {
  test(`judgement of ${title}`, () => {
    const looks = [{ domain: 'app.example.com', thrown }];
    assert.deepEqual(judged(looks, 1), sentence);
  });
}

const served = (domain: string, day = 30): Look => ({
  domain,
  facts: { ...facts, names: [domain], notAfter: new Date(`2026-12-${day}T00:00:00Z`) },
});
const none = (domain: string): Look => ({
  domain,
  thrown: failed('ERR_SSL_TLSV1_UNRECOGNIZED_NAME', 'x'),
});
const refused = (domain: string): Look => ({ domain, thrown: failed('ECONNREFUSED', 'connect') });
const expired = (domain: string): Look => ({
  domain,
  facts: { ...facts, names: [domain], notAfter: new Date('2026-10-30T00:00:00Z') },
});

const together: [title: string, looks: Look[], names: number, sentence: string][] = [
  [
    'all served, the first end counts',
    [served('a.x', 30), served('b.x', 28)],
    2,
    'healthy: serving 2 names until 2026-12-28T00:00:00.000Z',
  ],
  [
    'names that have none yet',
    [none('a.x'), served('b.x'), none('c.x'), none('d.x'), none('e.x')],
    5,
    'healthy: serving 1 name until 2026-12-30T00:00:00.000Z; no certificate yet for a.x, c.x, d.x and 1 more',
  ],
  ['none at all', [none('a.x'), none('b.x')], 2, 'unhealthy: no certificate yet'],
  [
    'an expired one among others',
    [served('a.x'), expired('b.x'), none('c.x')],
    3,
    'unhealthy: b.x: the certificate expired 2 days ago, at 2026-10-30T00:00:00.000Z',
  ],
  [
    'one for another name',
    [served('a.x'), { ...served('b.x'), domain: 'c.x' }],
    2,
    'unhealthy: c.x: the certificate is for b.x, not for c.x',
  ],
  ['a closed port', [refused('a.x'), refused('b.x')], 2, 'unhealthy: nothing answers on port 443'],
  [
    'some of many',
    [served('a.x'), served('b.x')],
    1000,
    'healthy: serving 2 names (checked 2 of 1000) until 2026-12-30T00:00:00.000Z',
  ],
];
for (const [title, looks, names, sentence] of together) {
  test(`judgement of several: ${title}`, () => {
    assert.deepEqual(judged(looks, names), sentence);
  });
}

test('of many names each has its turn, and the first always', () => {
  const names = Array.from({ length: 23 }, (_, index) => `n${index}`);
  const seen = new Set<string>();
  for (let turn = 0; turn < 6; turn += 1) {
    const chosen = sample(names, 5, new Date(turn * 30_000), 30_000);
    assert.deepEqual([chosen.length, new Set(chosen).size, chosen[0]], [5, 5, 'n0']);
    for (const name of chosen) seen.add(name);
  }
  assert.equal(seen.size, 23);
  assert.deepEqual(sample(names.slice(0, 5), 5, now, 30_000), names.slice(0, 5));
});

const MINUTE_MS = 60_000;
const later = (minutes: number) => new Date(now.getTime() + minutes * MINUTE_MS).toISOString();
const down: NonNullable<NameState['failure']> = {
  ...{ code: 'PROVIDER_UNREACHABLE', message: 'no answer', hint: 'Check the network.', retryable: true },
  nextAttempt: later(1),
};
const rejected: NonNullable<NameState['failure']> = {
  ...{
    code: 'PROVIDER_CREDENTIALS_REJECTED',
    message: 'bad token',
    hint: 'Make a new one.',
    retryable: false,
  },
  nextAttempt: later(1),
};
const saying = (names: readonly NameState[], changes: Partial<State> = {}): State => ({
  ...{ pid: 1, version: '1', provider: 'cloudflare', startedAt: later(-1), names, warnings: [] },
  ...changes,
});
const waiting = { since: later(0), sentence: 'waiting for the name servers' };

const starts: [title: string, state: State, sentence: string][] = [
  ['nothing has happened', saying([{ domain: 'a.x' }]), 'starting: no certificate yet'],
  [
    'something is waited for',
    saying([{ domain: 'a.x' }], { waiting }),
    'starting: no certificate yet: waiting for the name servers',
  ],
  [
    'the provider is down',
    saying([{ domain: 'a.x', failure: down }]),
    `starting: no certificate yet: no answer (PROVIDER_UNREACHABLE); the next attempt is at ${later(1)}.`,
  ],
  [
    'the credentials are rejected',
    saying([{ domain: 'a.x', failure: rejected }]),
    `unhealthy: no certificate yet: bad token (PROVIDER_CREDENTIALS_REJECTED); the next attempt is at ${later(1)}. Make a new one.`,
  ],
  [
    'the next order is far away',
    saying([{ domain: 'a.x', held: { until: later(60), sentence: 'used up' } }]),
    `unhealthy: no certificate yet: no order before ${later(60)}: used up`,
  ],
  [
    'it takes ten minutes and more',
    saying([{ domain: 'a.x', failure: down }], { startedAt: later(-10) }),
    `unhealthy: no certificate yet: no answer (PROVIDER_UNREACHABLE); the next attempt is at ${later(1)}.`,
  ],
  [
    'it takes more than ten minutes, and what it waits for has an end',
    saying([{ domain: 'a.x' }], { startedAt: later(-15), waiting: { ...waiting, until: later(5) } }),
    'starting: no certificate yet: waiting for the name servers',
  ],
  [
    'it has expired before this start',
    saying([
      { domain: 'a.x', failure: down, expired: { serial: '1', notAfter: '2026-10-30T00:00:00.000Z' } },
    ]),
    `unhealthy: the certificate expired 2 days ago, at 2026-10-30T00:00:00.000Z, so it is not served: no answer (PROVIDER_UNREACHABLE); the next attempt is at ${later(1)}.`,
  ],
];
for (const [title, state, sentence] of starts) {
  test(`nothing is served, and ${title}`, () => assert.equal(judged([none('a.x')], 1, now, state), sentence));
}

test('of several that are not served one may come by itself', () => {
  const state = saying([{ domain: 'a.x', failure: rejected }, { domain: 'b.x' }]);
  assert.match(judged([none('a.x'), none('b.x')], 2, now, state), /^starting: /);
});

test('one that has expired is unhealthy also where another is served', () => {
  const state = saying([
    { domain: 'a.x' },
    { domain: 'b.x', expired: { serial: '1', notAfter: '2026-10-30T00:00:00.000Z' } },
  ]);
  assert.match(
    judged([served('a.x'), none('b.x')], 2, now, state),
    /^unhealthy: b\.x: the certificate expired/,
  );
});

test('near its end it is healthy, and says what is left and why', () => {
  const state = saying([{ domain: 'a.x', failure: down }]);
  assert.equal(
    judged([served('a.x', 30)], 1, new Date('2026-12-29T18:00:00Z'), state),
    `healthy: serving a.x until 2026-12-30T00:00:00.000Z; the certificate for a.x ends in 6 hours, at 2026-12-30T00:00:00.000Z: no answer (PROVIDER_UNREACHABLE); the next attempt is at ${later(1)}.`,
  );
});
