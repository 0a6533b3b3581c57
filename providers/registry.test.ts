import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTable } from '../src/config/read.ts';
import { createTestContext } from '../test/harness/dns/provider-context.ts';
import { providers } from './registry.ts';

test('names and credentials are unique, and credentials are variables of their provider', () => {
  const names = providers.map(({ name }) => name);
  const credentials = providers.flatMap((provider) => provider.credentials);
  assert.deepEqual([...new Set(names)], names);
  assert.deepEqual([...new Set(credentials)], credentials);
  for (const provider of providers) {
    const own = Object.values(provider.variables).map(({ name }) => name);
    for (const credential of provider.credentials) assert.ok(own.includes(credential), credential);
  }
});

/** Names of keys, which are no secret themselves. */
const keyNames = ['RFC2136_TSIG_KEY'];

test('every credential is a secret, and no secret has a default', () => {
  for (const variable of providers.flatMap((provider) => Object.values(provider.variables))) {
    const isSecret = /TOKEN|KEY|SECRET/.test(variable.name) && !keyNames.includes(variable.name);
    if (isSecret) assert.equal(variable.secret, true, variable.name);
    if (variable.secret) assert.equal(variable.defaultText, undefined, variable.name);
  }
});

const cases: readonly (readonly [environment: Record<string, string>, faulty: string | undefined])[] = [
  [{ CLOUDFLARE_API_TOKEN: 'token' }, undefined],
  [{ CLOUDFLARE_API_TOKEN: 'token', CLOUDFLARE_ZONE_ID: '0123456789abcdef0123456789abcdef' }, undefined],
  [{ CLOUDFLARE_API_TOKEN: 'token', CLOUDFLARE_ZONE_ID: 'example.com' }, 'CLOUDFLARE_ZONE_ID'],
  [{ CLOUDFLARE_API_TOKEN: 'two words' }, 'CLOUDFLARE_API_TOKEN'],
  [{ CLOUDFLARE_API_TOKEN: 'token', CLOUDFLARE_BASE_URL: 'localhost' }, 'CLOUDFLARE_BASE_URL'],
  [{}, 'CLOUDFLARE_API_TOKEN'],
];
for (const [environment, faulty] of cases) {
  test(`in ${JSON.stringify(environment)} ${faulty ?? 'nothing'} is invalid`, () => {
    const cloudflare = providers.find(({ name }) => name === 'cloudflare');
    assert.ok(cloudflare);
    const { values, faults } = readTable(cloudflare.variables, environment, () => '');
    assert.deepEqual(
      faults.map(({ variable }) => variable),
      faulty === undefined ? [] : [faulty],
    );
    if (faulty === undefined) assert.equal(cloudflare.open(values, createTestContext()).name, 'cloudflare');
  });
}
