import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultsOf, GOOD, load } from '../../test/harness/config.ts';

const empty: [variable: string, changes: Record<string, string>, problem: RegExp][] = [
  ['DOMAIN', { DOMAIN: '' }, /^is set but empty, and none of DOMAINS/],
  ['DOMAIN', { DOMAIN: ' \n' }, /^is set but empty/],
  ['TARGET_ENDPOINT', { TARGET_ENDPOINT: '' }, /^is set but empty$/],
  ['GATEWAY_DOMAIN', { GATEWAY_DOMAIN: '' }, /^is set but empty, and neither/],
  ['ALPHA_TOKEN', { ALPHA_TOKEN: '', DNS_PROVIDER: 'alpha' }, /^is set but empty$/],
  ['DNS_PROVIDER', { ALPHA_TOKEN: '' }, /no provider's credentials are; ALPHA_TOKEN is set but empty$/],
  [
    'DNS_PROVIDER',
    { ALPHA_TOKEN: '', BETA_TOKEN: '' },
    /credentials are; ALPHA_TOKEN, BETA_TOKEN are set but empty$/,
  ],
  ['ACME_EAB_KID', { ACME_EAB_KID: '', ACME_EAB_HMAC_KEY: 'aGVsbG8' }, /^is set but empty, but/],
];
for (const [variable, changes, problem] of empty) {
  test(`${JSON.stringify(changes)}: that it is empty is said`, () => {
    const [fault, ...others] = faultsOf({ ...GOOD, ...changes });
    assert.deepEqual([fault?.variable, others], [variable, []]);
    assert.match(fault?.problem ?? '', problem);
    assert.match(fault?.fix ?? '', /Compose passes an empty value/);
  });
}

test('an empty variable that nobody needs is no news', () => {
  assert.deepEqual(load({ ...GOOD, DOMAINS: '', BETA_TOKEN: '' }).warnings, []);
});
