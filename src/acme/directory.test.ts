import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDirectory, requireProfile } from './directory.ts';

const URL_ = 'https://ca.example/dir';

test('readDirectory keeps the parts that the ingress uses', () => {
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

const malformed: [title: string, body: unknown][] = [
  ['empty', {}],
  [
    'with values of wrong types',
    { newNonce: 7, renewalInfo: ['x'], meta: { caaIdentities: 'x', profiles: 'x' } },
  ],
  ['with meta null', { meta: null }],
  ['with invalid URLs', { newNonce: '/nonce', renewalInfo: 'ftp://ca.example/ari' }],
  [
    'with externalAccountRequired that is no boolean',
    { meta: { externalAccountRequired: 'yes', profiles: {} } },
  ],
];
for (const [title, body] of malformed) {
  test(`a directory ${title} is read with defaults`, () => {
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
  test(`${JSON.stringify(body)} is not a directory`, () => {
    assert.throws(() => readDirectory(body, URL_), { code: 'ACME_BAD_ANSWER' });
  });
}

const profilesOf = (profiles: unknown) => readDirectory({ meta: { profiles } }, URL_);

test('an available profile is accepted', () => {
  requireProfile(profilesOf({ classic: 'as ever' }), 'classic');
});

const unknown: [profiles: unknown, profile: string, available: string[]][] = [
  [{ a: 'of A', b: '' }, 'c', ['a', 'b']],
  [{ a: 'of A' }, 'constructor', ['a']],
  [undefined, 'a', []],
];
for (const [profiles, profile, available] of unknown) {
  test(`profile ${profile} is unknown to a CA with profiles ${JSON.stringify(profiles)}`, () => {
    assert.throws(() => requireProfile(profilesOf(profiles), profile), {
      code: 'ACME_PROFILE_UNKNOWN',
      details: { profile, available },
    });
  });
}
