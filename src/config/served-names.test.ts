import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTable } from './read.ts';
import { servedNames } from './served-names.ts';
import { nameVariables } from './variables.ts';

function served(environment: Record<string, string>) {
  const { values, faults } = readTable(nameVariables, environment, () => '');
  assert.deepEqual(faults, []);
  return servedNames(values).map(({ name, variable }) => `${variable} ${name}`);
}

test('without variables no name is served', () => {
  assert.deepEqual(served({}), []);
  assert.deepEqual(servedNames({}), []);
});

test('the order is DOMAIN, ALIAS_DOMAIN, DOMAINS, ROUTING_MAP, CERT_GROUPS, each name at its first place', () => {
  const names = served({
    CERT_GROUPS: 'g2.example.com g1.example.com; g0.example.com, d.example.com, a.example.com',
    ROUTING_MAP: 'r.example.com=r:1, a.example.com=a:1, d2.example.com=d:1, g0.example.com=g:1',
    DOMAINS: 'd2.example.com\na.example.com\nd1.example.com',
    ALIAS_DOMAIN: 'a.example.com, *.example.com, d.example.com',
    DOMAIN: 'd.example.com',
  });
  assert.deepEqual(names, [
    'DOMAIN d.example.com',
    'ALIAS_DOMAIN a.example.com',
    'ALIAS_DOMAIN *.example.com',
    'DOMAINS d2.example.com',
    'DOMAINS d1.example.com',
    'ROUTING_MAP r.example.com',
    'ROUTING_MAP g0.example.com',
    'CERT_GROUPS g2.example.com',
    'CERT_GROUPS g1.example.com',
  ]);
});

test('CERT_GROUPS alone is enough', () =>
  assert.deepEqual(served({ CERT_GROUPS: 'a.example.com' }), ['CERT_GROUPS a.example.com']));
