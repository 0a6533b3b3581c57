import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CertificateFacts } from '../certificates/certificate.ts';
import { judgeCertificate, judgeFailure } from './health.ts';

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
    assert.deepEqual(judgeCertificate(certificate, domain, at), {
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
    assert.deepEqual(judgeFailure(thrown, 443), { healthy: false, sentence });
  });
}
