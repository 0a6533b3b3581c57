import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindsOf } from '../../test/harness/config.ts';
import type { FaultKind } from './faults.ts';
import { readTable } from './read.ts';
import { variables } from './variables.ts';

const read = (environment: Record<string, string>) => readTable(variables, environment, () => '');

test('unset variables have their defaults', () => {
  const { values, faults, warnings } = read({});
  assert.deepEqual([faults, warnings], [[], []]);
  const { staging, stagingDryRun, fallbackAfter, renewDaysBefore, renewInterval, acmeProfile } = values;
  assert.deepEqual([staging, stagingDryRun], [false, false]);
  assert.deepEqual([fallbackAfter, renewInterval], [3600, 3600]);
  assert.deepEqual(
    [renewDaysBefore, acmeProfile, values.eabKid, values.eabHmacKey],
    Array(4).fill(undefined),
  );
});

// RFC 4648 §10, and bytes whose digits are in one alphabet only.
const keys: [written: string, bytes: string][] = [
  ['Zg', '66'],
  ['Zg==', '66'],
  ['Zm8', '666f'],
  ['Zm8=', '666f'],
  ['Zm9v', '666f6f'],
  ['-_-_', 'fbffbf'],
  ['+/+/', 'fbffbf'],
  ['+/8=', 'fbff'],
  ['-_8=', 'fbff'],
];
for (const name of ['ACME_EAB_HMAC_KEY', 'ACME_FALLBACK_EAB_HMAC_KEY']) {
  for (const [written, bytes] of keys) {
    test(`${name}=${written} is base64url without padding afterwards`, () => {
      const { values, faults } = read({ [name]: written });
      assert.deepEqual(faults, []);
      const key = name === 'ACME_EAB_HMAC_KEY' ? values.eabHmacKey : values.fallbackEabHmacKey;
      assert.equal(key?.reveal(), Buffer.from(bytes, 'hex').toString('base64url'));
    });
  }
}

const wrong: [variable: string, value: string, kind: FaultKind][] = [
  ...['A', 'AAAAA', 'Zg=', 'Zm9v=', '====', 'Z=g=', '+_8=', 'hush!hush', 'hush hush'].map(
    (value): [string, string, FaultKind] => ['ACME_EAB_HMAC_KEY', value, 'malformed'],
  ),
  ['ACME_EAB_KID', 'two words', 'malformed'],
  ['ACME_EAB_KID', 'k'.repeat(257), 'malformed'],
  ['ACME_FALLBACK_EAB_KID', 'é', 'malformed'],
  ['ACME_PROFILE', 'tls server', 'malformed'],
  ['ACME_PROFILE', 'TLSserver', 'malformed'],
  ['ACME_PROFILE', 'p'.repeat(65), 'malformed'],
  ['ACME_STAGING_DIRECTORY_URL', 'staging', 'not-a-url'],
  ['ACME_FALLBACK_DIRECTORY_URL', 'ftp://ca/directory', 'not-a-url'],
  ['ACME_FALLBACK_AFTER', '1h', 'not-a-number'],
  ['ACME_FALLBACK_AFTER', '2592001', 'out-of-range'],
  ['ACME_STAGING_DRY_RUN', 'maybe', 'unknown-value'],
  ['RENEW_DAYS_BEFORE', '0', 'out-of-range'],
  ['RENEW_DAYS_BEFORE', '399', 'out-of-range'],
  ['RENEW_INTERVAL', '12h', 'not-a-number'],
  ['RENEW_INTERVAL', '-1', 'out-of-range'],
];
for (const [variable, value, kind] of wrong) {
  test(`${variable}=${value.slice(0, 20)}: ${kind}`, () => {
    const { faults } = read({ [variable]: value });
    assert.deepEqual(kindsOf(faults), [`${variable} ${kind}`]);
    assert.doesNotMatch(JSON.stringify(faults), /hush/);
  });
}

test('the limits of numbers are accepted, and values beyond them are not', () => {
  const { values, faults } = read({
    ...{ ACME_PROFILE: 'p'.repeat(64), ACME_EAB_KID: 'k'.repeat(256), ACME_FALLBACK_AFTER: '0' },
    ...{ RENEW_DAYS_BEFORE: '398', RENEW_INTERVAL: '0' },
  });
  assert.deepEqual(faults, []);
  assert.deepEqual([values.renewDaysBefore, values.renewInterval, values.fallbackAfter], [398, 0, 0]);
});
