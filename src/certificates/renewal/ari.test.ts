import 'reflect-metadata';
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { test } from 'node:test';
import * as x509 from '@peculiar/x509';
import fc from 'fast-check';
import { certificateId, nextPoll, readRenewalInfo, renewalJitter } from './ari.ts';

x509.cryptoProvider.set(webcrypto as Crypto); // Node's own; its types and the library's differ in name only.

const KEY_IDENTIFIER = '69885b6b87464041e1b37b847ba0ae2cde01c8d4';
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

/** A certificate with this serial number, in hexadecimal. */
async function issue(serialNumber: string, extensions: x509.Extension[]): Promise<x509.X509Certificate> {
  return x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=app.example.com',
    serialNumber,
    keys,
    signingAlgorithm: algorithm,
    extensions,
  });
}
const names = new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'app.example.com' }]);
const byKey = new x509.AuthorityKeyIdentifierExtension(KEY_IDENTIFIER);

const example = await issue('87654321', [names, byKey]);

test('the certificate of RFC 9773, Appendix A has the identifier given there', () => {
  assert.equal(certificateId(example.toString('pem')), 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE');
  assert.equal(certificateId(new Uint8Array(example.rawData)), 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE');
});

const serials: [title: string, serial: string, encoded: string][] = [
  ['whose first bit is not set has no leading zero byte', '7f01', 'fwE'],
  ['of one byte', '05', 'BQ'],
  ['of 20 bytes', 'f0'.repeat(20), Buffer.from(`00${'f0'.repeat(20)}`, 'hex').toString('base64url')],
];
for (const [title, serial, encoded] of serials) {
  test(`an identifier with a serial number ${title}`, async () => {
    const id = certificateId((await issue(serial, [byKey])).toString('pem'));
    assert.equal(id, `aYhba4dGQEHhs3uEe6CuLN4ByNQ.${encoded}`);
  });
}

test('the identifier of a chain is that of its leaf', async () => {
  const issuer = await issue('01', [byKey]);
  assert.equal(
    certificateId(`${example.toString('pem')}\n${issuer.toString('pem')}`),
    certificateId(example.toString('pem')),
  );
});

test('the authority key identifier is found after long and critical extensions, and if it is critical itself', async () => {
  const many = Array.from({ length: 100 }, (_, index) => ({
    type: 'dns' as const,
    value: `a${index}.example.com`,
  }));
  const before = [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.SubjectAlternativeNameExtension(many),
  ];
  const critical = new x509.AuthorityKeyIdentifierExtension(KEY_IDENTIFIER, true);
  for (const extensions of [[...before, byKey], [critical]]) {
    const id = certificateId((await issue('87654321', extensions)).toString('pem'));
    assert.equal(id, 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE');
  }
});

test('a certificate without an authority key identifier has no identifier', async () => {
  const byName = new x509.AuthorityKeyIdentifierExtension({
    name: new x509.GeneralNames([{ type: 'dn', value: 'CN=issuer' }]),
    serialNumber: '0102',
  });
  const byNothing = new x509.Extension('2.5.29.35', false, Buffer.from('30028000', 'hex'));
  for (const extensions of [[], [names], [names, byName], [byNothing]]) {
    assert.equal(certificateId((await issue('87654321', extensions)).toString('pem')), undefined);
  }
});

test('text that is not a certificate, or a truncated certificate, has no identifier', () => {
  for (const text of ['', 'nonsense', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'])
    assert.equal(certificateId(text), undefined);
  const der = new Uint8Array(example.rawData);
  for (let length = 0; length < der.length; length++)
    assert.equal(certificateId(der.subarray(0, length)), undefined, `cut after ${length} bytes`);
});

test('a corrupted certificate never makes certificateId throw', () => {
  const der = new Uint8Array(example.rawData);
  const change = fc.tuple(fc.nat(der.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 5 }), (changes) => {
      const changed = der.slice();
      for (const [at, byte] of changes) changed[at] = byte;
      assert.match(certificateId(changed) ?? '', /^([\w-]+\.[\w-]+)?$/);
    }),
  );
});

const window = { start: '2026-01-02T04:00:00Z', end: '2026-01-03T04:00:00.5+00:00' };
const read = {
  window: { start: new Date('2026-01-02T04:00:00Z'), end: new Date('2026-01-03T04:00:00.500Z') },
};

test('readRenewalInfo reads the window and the explanation', () => {
  assert.deepEqual(readRenewalInfo({ suggestedWindow: window }), read);
  const explanationURL = 'https://ca.example/docs/ari';
  assert.deepEqual(readRenewalInfo({ suggestedWindow: window, explanationURL, more: 1 }), {
    ...read,
    explanationUrl: explanationURL,
  });
  const zone = { start: '2026-01-02T05:00:00+01:00', end: window.end };
  assert.deepEqual(readRenewalInfo({ suggestedWindow: zone }), read);
});

test('an explanationURL that is not a web page is dropped, and the window is kept', () => {
  for (const explanationURL of ['javascript:alert(1)', 'https://', '/docs', 7, null]) {
    assert.deepEqual(readRenewalInfo({ suggestedWindow: window, explanationURL }), read);
  }
  const lines = readRenewalInfo({ suggestedWindow: window, explanationURL: 'https://ca.example/a\nb' });
  assert.equal(lines?.explanationUrl, 'https://ca.example/ab');
});

const nonsense: [title: string, body: unknown][] = [
  ['nothing', undefined],
  ['HTML', '<html>'],
  ['no window', { explanationURL: 'https://ca.example/' }],
  ['no end', { suggestedWindow: { start: window.start } }],
  ['an end before the start', { suggestedWindow: { start: window.end, end: window.start } }],
  ['an end at the start', { suggestedWindow: { start: window.start, end: window.start } }],
  ['seconds', { suggestedWindow: { start: 1767326400, end: 1767412800 } }],
  ['words', { suggestedWindow: { start: 'soon', end: 'later' } }],
  ['a day that does not exist', { suggestedWindow: { start: window.start, end: '2026-02-30T00:00:00Z' } }],
  ['no time zone', { suggestedWindow: { start: '2026-01-02T04:00:00', end: '2026-01-03T04:00:00' } }],
];
for (const [title, body] of nonsense) {
  test(`readRenewalInfo of ${title} is undefined`, () => assert.equal(readRenewalInfo(body), undefined));
}

const now = new Date('2026-01-01T00:00:00Z');
const intervals: [retryAfterMs: number | undefined, hours: number][] = [
  [undefined, 6],
  [6 * 3_600_000, 6],
  [0, 1 / 60],
  [59_999, 1 / 60],
  [61_000, 61 / 3600],
  [24 * 3_600_000, 24],
  [30 * 24 * 3_600_000, 24],
];
for (const [retryAfterMs, hours] of intervals) {
  test(`Retry-After of ${retryAfterMs} ms: the CA is asked again after ${hours} h`, () => {
    assert.equal(nextPoll(retryAfterMs, now).getTime() - now.getTime(), Math.round(hours * 3_600_000));
  });
}

test('the jitter of a certificate is deterministic and in [0, 1)', () => {
  const digests = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(digests, (digest) => {
      const fingerprint256 = Array.from(digest, hex).join(':');
      const moment = renewalJitter({ fingerprint256 });
      assert.ok(moment >= 0 && moment < 1);
      assert.equal(moment, renewalJitter({ fingerprint256 }));
    }),
  );
  assert.equal(renewalJitter({ fingerprint256: `40:${'00:'.repeat(30)}00` }), 0.25);
  assert.ok(renewalJitter({ fingerprint256: `FF${':FF'.repeat(31)}` }) < 1);
});

test('the jitters of many certificates are spread evenly', async () => {
  const moments = await Promise.all(
    Array.from({ length: 1000 }, async (_, index) => {
      const digest = await webcrypto.subtle.digest('SHA-256', Buffer.from(String(index)));
      return renewalJitter({ fingerprint256: Array.from(new Uint8Array(digest), hex).join(':') });
    }),
  );
  for (const tenth of Array.from({ length: 10 }, (_, index) => index)) {
    const share = moments.filter((moment) => Math.floor(moment * 10) === tenth).length;
    assert.ok(share > 60 && share < 140, `${share} of 1000 in tenth ${tenth}`);
  }
});

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0').toUpperCase();
}
