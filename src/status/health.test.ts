import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CertificateFacts } from '../certificates/certificate.ts';
import { judge, type Look, sample } from './health.ts';

const facts: CertificateFacts = {
  names: ['app.example.com'],
  serial: '01',
  fingerprint256: 'AB',
  issuer: 'CN=(STAGING) Pretend Pear',
  notBefore: new Date('2026-10-01T00:00:00Z'),
  notAfter: new Date('2026-12-30T00:00:00Z'),
};
const now = new Date('2026-11-01T00:00:00Z');

const judged: [title: string, certificate: CertificateFacts, domain: string, at: Date, sentence: string][] = [
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
    'unhealthy: the certificate expired at 2026-12-30T00:00:00.000Z',
  ],
  [
    'one for another name',
    ...([facts, 'other.example.com', now] as const),
    'unhealthy: the certificate is for app.example.com, not for other.example.com',
  ],
];
for (const [title, certificate, domain, at, sentence] of judged) {
  test(`judgement of ${title}`, () => {
    const looks = [{ domain, facts: certificate }];
    assert.deepEqual(judge(looks, { port: 443, names: 1 }, at), {
      healthy: sentence.startsWith('healthy'),
      sentence,
    });
  });
}

const failed = (code: string, message: string) => Object.assign(new Error(message), { code });
const failures: [title: string, thrown: unknown, sentence: string][] = [
  ['a closed port', failed('ECONNREFUSED', 'connect'), 'unhealthy: nothing answers on port 443'],
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
    assert.deepEqual(judge(looks, { port: 443, names: 1 }, now), { healthy: false, sentence });
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
    'unhealthy: b.x: the certificate expired at 2026-10-30T00:00:00.000Z',
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
    'healthy: serving 2 names (looked at 2 of 1000) until 2026-12-30T00:00:00.000Z',
  ],
];
for (const [title, looks, names, sentence] of together) {
  test(`judgement of several: ${title}`, () => {
    const healthy = sentence.startsWith('healthy');
    assert.deepEqual(judge(looks, { port: 443, names }, now), { healthy, sentence });
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
