import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindsOf } from '../../test/harness/config.ts';
import { type AuthoritySettings, chooseAuthorities } from './authorities.ts';
import { Secret } from './secret.ts';
import type { ConfigWarning } from './warnings.ts';

const PRODUCTION = 'https://acme-v02.api.letsencrypt.org/directory';
const STAGING = 'https://acme-staging-v02.api.letsencrypt.org/directory';
const OWN = 'https://ca.example/directory';
const OWN_STAGING = 'https://staging.ca.example/directory';
const never = () => false;
const choose = (settings: AuthoritySettings, set: readonly string[] = []) =>
  chooseAuthorities(settings, never, (variable) => set.includes(variable));
const faultsOf = (settings: AuthoritySettings, ...known: string[]) =>
  kindsOf(chooseAuthorities(settings, (variable) => known.includes(variable), never).faults);

const primaries: [
  settings: AuthoritySettings,
  directoryUrl: string,
  usesStaging: boolean,
  warnings: ConfigWarning[],
][] = [
  [{}, PRODUCTION, false, []],
  [{ staging: false }, PRODUCTION, false, []],
  [{ directoryUrl: OWN }, OWN, false, []],
  [{ staging: true }, STAGING, true, []],
  [{ staging: true, stagingDirectoryUrl: OWN_STAGING }, OWN_STAGING, true, []],
  [{ staging: true, directoryUrl: OWN, stagingDirectoryUrl: OWN_STAGING }, OWN_STAGING, true, []],
  [
    { staging: true, directoryUrl: OWN },
    OWN,
    false,
    [{ kind: 'unused', variable: 'ACME_STAGING', reason: 'no-staging-directory' }],
  ],
  [{ directoryUrl: STAGING }, STAGING, true, []],
  [{ directoryUrl: 'https://ACME-staging-v02.api.letsencrypt.org:443/directory' }, '', true, []],
  [
    { directoryUrl: OWN, stagingDirectoryUrl: OWN_STAGING },
    OWN,
    false,
    [{ kind: 'unused', variable: 'ACME_STAGING_DIRECTORY_URL', reason: 'no-staging' }],
  ],
];
for (const [settings, directoryUrl, usesStaging, warnings] of primaries) {
  test(`with ${JSON.stringify(settings)} the primary is ${usesStaging ? 'the staging environment' : 'another'}`, () => {
    const choice = choose(settings);
    const expected = { primary: { directoryUrl: directoryUrl || settings.directoryUrl } };
    assert.deepEqual(choice, { authorities: expected, usesStaging, faults: [], warnings });
  });
}

const hmacKey = new Secret('a2V5');

test('the keys of an external account belong to the CA that they are for', () => {
  const fallback = { fallbackDirectoryUrl: OWN, fallbackAfter: 90 };
  const bound = choose({
    ...{ ...fallback, eabKid: 'first', eabHmacKey: hmacKey },
    ...{ fallbackEabKid: 'second', fallbackEabHmacKey: hmacKey },
  });
  assert.deepEqual(bound.authorities, {
    primary: { directoryUrl: PRODUCTION, eab: { kid: 'first', hmacKey } },
    fallback: { directoryUrl: OWN, eab: { kid: 'second', hmacKey }, afterMs: 90_000 },
  });
  const { authorities } = choose({ ...fallback, staging: true, eabKid: 'first', eabHmacKey: hmacKey });
  assert.deepEqual(authorities, {
    primary: { directoryUrl: STAGING, eab: { kid: 'first', hmacKey } },
    fallback: { directoryUrl: OWN, afterMs: 90_000 },
  });
});

const halves: [settings: AuthoritySettings, there: string, missing: string][] = [
  [{ eabKid: 'kid' }, 'ACME_EAB_KID', 'ACME_EAB_HMAC_KEY'],
  [{ eabHmacKey: hmacKey }, 'ACME_EAB_HMAC_KEY', 'ACME_EAB_KID'],
  [{ fallbackEabKid: 'kid' }, 'ACME_FALLBACK_EAB_KID', 'ACME_FALLBACK_EAB_HMAC_KEY'],
  [{ fallbackEabHmacKey: hmacKey }, 'ACME_FALLBACK_EAB_HMAC_KEY', 'ACME_FALLBACK_EAB_KID'],
];
for (const [settings, there, missing] of halves) {
  test(`${there} without ${missing} is a fault, unless the other variable has a fault already`, () => {
    assert.deepEqual(faultsOf(settings), [`${missing} missing`]);
    assert.deepEqual(faultsOf(settings, missing), []);
    assert.deepEqual(faultsOf(settings, `${missing}_FILE`), []);
  });
}

test('a fallback CA that equals the primary is a fault, in any spelling', () => {
  for (const settings of [
    { fallbackDirectoryUrl: PRODUCTION },
    { fallbackDirectoryUrl: 'https://Acme-v02.API.letsencrypt.org:443/directory' },
    { fallbackDirectoryUrl: OWN, directoryUrl: OWN },
    { fallbackDirectoryUrl: OWN_STAGING, directoryUrl: OWN, staging: true, stagingDirectoryUrl: OWN_STAGING },
  ]) {
    assert.deepEqual(faultsOf(settings), ['ACME_FALLBACK_DIRECTORY_URL conflicting']);
    assert.deepEqual(faultsOf(settings, 'ACME_DIRECTORY_URL'), []);
  }
  assert.deepEqual(faultsOf({ fallbackDirectoryUrl: PRODUCTION, directoryUrl: OWN }), []);
});

const dryRuns: [settings: AuthoritySettings, directoryUrl: string | undefined, warnings: ConfigWarning[]][] =
  [
    [{}, STAGING, []],
    [{ directoryUrl: PRODUCTION }, STAGING, []],
    [{ directoryUrl: OWN, stagingDirectoryUrl: OWN_STAGING }, OWN_STAGING, []],
    ...[{ staging: true }, { directoryUrl: STAGING }].map((settings): (typeof dryRuns)[number] => [
      settings,
      undefined,
      [{ kind: 'unused', variable: 'ACME_STAGING_DRY_RUN', reason: 'already-staging' }],
    ]),
  ];
for (const [settings, directoryUrl, warnings] of dryRuns) {
  test(`ACME_STAGING_DRY_RUN with ${JSON.stringify(settings)}: ${directoryUrl ?? 'no effect'}`, () => {
    const choice = choose({ ...settings, stagingDryRun: true });
    assert.deepEqual(choice.authorities.staging, directoryUrl && { directoryUrl });
    assert.deepEqual([choice.faults, choice.warnings], [[], warnings]);
  });
}

test('ACME_STAGING_DRY_RUN beside a CA whose staging directory is not known is a fault', () => {
  for (const staging of [false, true]) {
    const settings = { directoryUrl: OWN, staging, stagingDryRun: true };
    assert.deepEqual(faultsOf(settings), ['ACME_STAGING_DRY_RUN incomplete']);
    assert.deepEqual(faultsOf(settings, 'ACME_STAGING_DIRECTORY_URL'), []);
    assert.deepEqual(faultsOf(settings, 'CERTBOT_STAGING'), []);
  }
});

test('variables for a fallback CA have no effect without one', () => {
  const set = ['ACME_FALLBACK_AFTER', 'ACME_FALLBACK_EAB_KID', 'ACME_FALLBACK_EAB_HMAC_KEY_FILE'];
  const settings = { fallbackEabKid: 'kid', fallbackEabHmacKey: hmacKey };
  assert.deepEqual(
    choose(settings, set).warnings,
    set.map((variable) => ({ kind: 'unused', variable, reason: 'no-fallback' })),
  );
  assert.equal(choose(settings, set).authorities.fallback, undefined);
  assert.deepEqual(choose({ ...settings, fallbackDirectoryUrl: OWN }, set).warnings, []);
});
