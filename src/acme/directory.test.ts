import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isIngressError } from '../errors.ts';
import { readDirectory, requireProfile } from './directory.ts';

const URL_ = 'https://ca.example/dir';

test('a directory is read as far as it matters', () => {
  const body = {
    newNonce: 'https://ca.example/nonce',
    renewalInfo: 'https://ca.example/ari',
    meta: {
      caaIdentities: ['ca.example', 7, 'other.example'],
      profiles: { classic: 'as ever', short: 7 },
      externalAccountRequired: true,
    },
  };
  assert.deepEqual(readDirectory(body, URL_), {
    newNonce: 'https://ca.example/nonce',
    renewalInfo: 'https://ca.example/ari',
    caaIdentities: ['ca.example', 'other.example'],
    profiles: new Map([
      ['classic', 'as ever'],
      ['short', ''],
    ]),
    externalAccountRequired: true,
  });
});

const odd: [title: string, body: unknown][] = [
  ['an empty one', {}],
  ['one of wrong types', { newNonce: 7, renewalInfo: ['x'], meta: { caaIdentities: 'x', profiles: 'x' } }],
  ['one whose meta is null', { meta: null }],
  ['one whose URLs are none', { newNonce: '/nonce', renewalInfo: 'ftp://ca.example/ari' }],
  ['one that only nearly says so', { meta: { externalAccountRequired: 'yes', profiles: {} } }],
];
for (const [title, body] of odd) {
  test(`a directory is read without stumbling: ${title}`, () => {
    assert.deepEqual(readDirectory(body, URL_), {
      newNonce: undefined,
      renewalInfo: undefined,
      caaIdentities: [],
      profiles: undefined,
      externalAccountRequired: false,
    });
  });
}

for (const body of ['<html>Please log in</html>', null, undefined, 7]) {
  test(`${JSON.stringify(body)} is no directory`, () => {
    assert.throws(() => readDirectory(body, URL_), { code: 'ACME_BAD_ANSWER', message: /ca\.example\/dir/ });
  });
}

const profilesOf = (profiles: unknown) => readDirectory({ meta: { profiles } }, URL_);

test('a profile that there is passes', () => {
  requireProfile(profilesOf({ classic: 'as ever' }), 'classic');
});

const unknown: [profiles: unknown, profile: string, message: RegExp, hint: RegExp][] = [
  [{ a: 'of A', b: '' }, 'c', /no profile c; it has a \(of A\), b$/, /^Set ACME_PROFILE to one/],
  [{ a: 'of A' }, 'constructor', /no profile constructor; it has a \(of A\)$/, /^Set ACME_PROFILE/],
  [undefined, 'a', /no profile a; it has no profiles at all$/, /^Remove ACME_PROFILE/],
];
for (const [profiles, profile, message, hint] of unknown) {
  test(`the profile ${profile} of ${JSON.stringify(profiles)} is unknown`, () => {
    assert.throws(
      () => requireProfile(profilesOf(profiles), profile),
      (thrown) => {
        assert.ok(isIngressError(thrown, 'ACME_PROFILE_UNKNOWN'));
        assert.match(thrown.message, message);
        assert.match(thrown.hint, hint);
        return true;
      },
    );
  });
}
