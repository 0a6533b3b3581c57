import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultsOf, GOOD } from '../../test/harness/config.ts';
import type { ValueFault } from './faults.ts';
import { variables } from './variables.ts';

const advised: [variable: string, value: string, details: ValueFault['details']][] = [
  ['DOMAIN', 'https://app.example.com', { remove: ['https://'], name: 'app.example.com' }],
  ['DOMAIN', 'HTTP://app.example.com/', { remove: ['HTTP://', '/'], name: 'app.example.com' }],
  [
    'DOMAIN',
    'https://app.example.com:8443/x?y',
    { remove: ['https://', ':8443', '/x?y'], name: 'app.example.com' },
  ],
  ['DOMAIN', 'app.example.com:443', { remove: [':443'], name: 'app.example.com' }],
  ['DOMAIN', 'app.example.com/evidences/', { remove: ['/evidences/'], name: 'app.example.com' }],
  ['DOMAIN', 'https://*.example.com', { remove: ['https://'], name: '*.example.com' }],
  ['DOMAIN', '"app.example.com"', { remove: ['"'] }],
  ['DOMAIN', 'https://localhost', { remove: ['https://'] }],
  ['DOMAIN', 'a.example.com,b.example.com', { names: ['a.example.com', 'b.example.com'] }],
  ['DOMAIN', '*.example.com b.example.com', { names: ['*.example.com', 'b.example.com'] }],
  ['DOMAIN', 'a.example.com;\nb.example.com', { names: ['a.example.com', 'b.example.com'] }],
  ['DOMAIN', 'app.example.com,', { remove: [','], name: 'app.example.com' }],
  ['DOMAIN', ', *.example.com', { remove: [','], name: '*.example.com' }],
  ['DOMAIN', 'app.example.com;', { remove: [';'], name: 'app.example.com' }],
  ['GATEWAY_DOMAIN', '_.cluster.example.net,', { remove: [','], name: '_.cluster.example.net' }],
  ['DOMAINS', 'b.example.com; , c.example.com', { remove: [';'], name: 'b.example.com' }],
  ['DOMAINS', 'a.example.com, https://b.example.com', { remove: ['https://'], name: 'b.example.com' }],
  ['ALIAS_DOMAIN', 'https://b.example.com', { remove: ['https://'], name: 'b.example.com' }],
  ['CERT_GROUPS', 'app.example.com https://b.example.com', { remove: ['https://'], name: 'b.example.com' }],
  ['ROUTING_MAP', 'https://b.example.com=app:80', { remove: ['https://'], name: 'b.example.com' }],
  ['ROUTING_MAP', 'b.example.com:443=app:80', { remove: [':443'], name: 'b.example.com' }],
  [
    'GATEWAY_DOMAIN',
    'https://_.cluster.example.net',
    { remove: ['https://'], name: '_.cluster.example.net' },
  ],
];
for (const [variable, value, details] of advised) {
  test(`${variable}=${JSON.stringify(value)}: ${JSON.stringify(details)}`, () => {
    const [fault, ...others] = faultsOf({ ...GOOD, [variable]: value });
    const { entry: _, ...advice } = fault?.details ?? {};
    assert.deepEqual([fault?.variable, others, advice], [variable, [], details]);
    assert.equal(fault?.kind, details && 'names' in details ? 'several-values' : 'not-a-domain-name');
    assert.notEqual(fault?.fix, variables[keyOf(variable)].fix);
  });
}

/** The row of a variable in the table. */
function keyOf(name: string): keyof typeof variables {
  const key = Object.entries(variables).find(([, row]) => row.name === name)?.[0];
  assert.ok(key !== undefined, name);
  return key as keyof typeof variables; // Object.entries forgets the type of the keys.
}

test('other text that is not a name keeps the fix of its variable', () => {
  for (const DOMAIN of ['localhost', 'a.example.com,localhost', 'app example', '-x.example.com']) {
    const [fault] = faultsOf({ ...GOOD, DOMAIN });
    assert.deepEqual([fault?.kind, fault?.details], ['not-a-domain-name', undefined], DOMAIN);
    assert.equal(fault?.fix, variables.domain.fix, DOMAIN);
  }
});
