import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTable } from '../../src/config/read.ts';
import { createTestContext } from '../../test/harness/dns/provider-context.ts';
import { namecheap } from './provider.ts';

const GOOD = { NAMECHEAP_USERNAME: 'alice', NAMECHEAP_API_KEY: 'key', NAMECHEAP_CLIENT_IP: '192.0.2.7' };

const cases: readonly (readonly [environment: Record<string, string>, faulty?: string])[] = [
  [GOOD],
  [
    {
      ...GOOD,
      NAMECHEAP_SANDBOX: 'yes',
      NAMECHEAP_API_USER: 'bob',
      NAMECHEAP_BASE_URL: 'http://localhost:1',
    },
  ],
  [{ ...GOOD, NAMECHEAP_SANDBOX: '' }],
  [{ ...GOOD, NAMECHEAP_CLIENT_IP: '2001:db8::7' }, 'NAMECHEAP_CLIENT_IP'],
  [{ ...GOOD, NAMECHEAP_CLIENT_IP: '192.0.2.0/24' }, 'NAMECHEAP_CLIENT_IP'],
  [{ ...GOOD, NAMECHEAP_CLIENT_IP: '' }, 'NAMECHEAP_CLIENT_IP'],
  [{ ...GOOD, NAMECHEAP_USERNAME: 'two words' }, 'NAMECHEAP_USERNAME'],
  [{ ...GOOD, NAMECHEAP_API_KEY: 'two words' }, 'NAMECHEAP_API_KEY'],
  [{ ...GOOD, NAMECHEAP_SANDBOX: 'maybe' }, 'NAMECHEAP_SANDBOX'],
];
for (const [environment, faulty] of cases) {
  test(`in ${JSON.stringify(environment)} ${faulty ?? 'nothing'} is invalid`, () => {
    const { values, faults } = readTable(namecheap.variables, environment, () => '');
    assert.deepEqual(
      faults.map(({ variable }) => variable),
      faulty === undefined ? [] : [faulty],
    );
    if (faulty === undefined) assert.equal(namecheap.open(values, createTestContext()).name, 'namecheap');
  });
}
