import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { faultsOf, GOOD, kindsOf, load } from '../../test/harness/config.ts';

test('every name is on exactly one certificate', () => {
  const { names, certificates, routes } = load({
    ...GOOD,
    ALIAS_DOMAIN: 'www.example.com',
    DOMAINS: 'b.example.com',
    CERT_GROUPS: 'c.example.com *.c.example.com',
  });
  assert.deepEqual(names, [
    ...['app.example.com', 'www.example.com', 'b.example.com'],
    ...['c.example.com', '*.c.example.com'],
  ]);
  assert.equal(routes.length, 5);
  assert.deepEqual(
    certificates.map((certificate) => certificate.names),
    [['app.example.com', 'www.example.com'], ['b.example.com'], ['c.example.com', '*.c.example.com']],
  );
});

test('faults of several variables together are reported with all others', () => {
  const faults = faultsOf({
    ...{ ...GOOD, PORT: 'x', DOMAIN: '', ALIAS_DOMAIN: 'www.example.com' },
    ...{ ACME_EAB_KID: 'kid', ACME_STAGING_DRY_RUN: 'true', ACME_DIRECTORY_URL: 'https://ca.example/dir' },
  });
  assert.deepEqual(kindsOf(faults), [
    'PORT not-a-number',
    'ALIAS_DOMAIN incomplete',
    'ACME_EAB_HMAC_KEY missing',
    'ACME_STAGING_DRY_RUN incomplete',
  ]);
  assert.ok(faults.every(({ fix }) => fix !== ''));
});

test('the key of an external account can be a file, and is never printed', () => {
  const config = load(
    { ...GOOD, ACME_EAB_KID: 'kid', ACME_EAB_HMAC_KEY_FILE: '/run/secrets/eab' },
    { '/run/secrets/eab': 'aHVzaC1odXNo\n' },
  );
  assert.equal(config.authorities.primary.eab?.hmacKey.reveal(), 'aHVzaC1odXNo');
  assert.doesNotMatch(JSON.stringify(config) + inspect(config, { depth: 9 }), /aHVzaC1odXNo/);
  const missing = faultsOf({ ...GOOD, ACME_EAB_KID: 'kid', ACME_EAB_HMAC_KEY_FILE: '/nowhere' });
  assert.deepEqual(kindsOf(missing), ['ACME_EAB_HMAC_KEY_FILE unreadable-file']);
});

test('values that have no effect or are replaced cause warnings', () => {
  const { warnings } = load({
    ...{ ...GOOD, RENEW_INTERVAL: '5', ACME_FALLBACK_AFTER: '60' },
    CERT_GROUPS: 'a.example.com *.example.com',
  });
  assert.deepEqual(warnings, [
    { kind: 'covered-name', variable: 'CERT_GROUPS', name: 'a.example.com', wildcard: '*.example.com' },
    { kind: 'unused', variable: 'ACME_FALLBACK_AFTER', reason: 'no-fallback' },
    { kind: 'out-of-range', variable: 'RENEW_INTERVAL', value: 5, used: 60, range: [60, 43_200] },
  ]);
});
