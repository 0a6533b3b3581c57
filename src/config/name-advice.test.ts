import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultsOf, GOOD } from '../../test/harness/config.ts';

const advised: [variable: string, value: string, fix: string][] = [
  ['DOMAIN', 'https://app.example.com', 'Remove https://: app.example.com'],
  ['DOMAIN', 'HTTP://app.example.com/', 'Remove HTTP:// and /: app.example.com'],
  ['DOMAIN', 'https://app.example.com:8443/x?y', 'Remove https:// and :8443 and /x?y: app.example.com'],
  ['DOMAIN', 'app.example.com:443', 'Remove :443: app.example.com'],
  ['DOMAIN', 'app.example.com/evidences/', 'Remove /evidences/: app.example.com'],
  ['DOMAIN', 'https://*.example.com', 'Remove https://: *.example.com'],
  ['DOMAIN', '"app.example.com"', 'Remove the quotes.'],
  ['DOMAIN', 'https://localhost', 'Remove https://, and set the name alone, such as app.example.com.'],
  [
    'DOMAIN',
    'a.example.com,b.example.com',
    'Remove it, and add these to DOMAINS: a.example.com,b.example.com',
  ],
  [
    'DOMAIN',
    '*.example.com b.example.com',
    'Remove it, and add these to DOMAINS: *.example.com,b.example.com',
  ],
  [
    'DOMAIN',
    'a.example.com;\nb.example.com',
    'Remove it, and add these to DOMAINS: a.example.com,b.example.com',
  ],
  ['DOMAIN', 'app.example.com,', 'Remove the comma: app.example.com'],
  ['DOMAIN', ', *.example.com', 'Remove the comma: *.example.com'],
  ['DOMAIN', 'app.example.com;', 'Remove ;: app.example.com'],
  ['GATEWAY_DOMAIN', '_.cluster.example.net,', 'Remove the comma: _.cluster.example.net'],
  ['DOMAINS', 'b.example.com; , c.example.com', 'Remove ;: b.example.com'],
  ['DOMAINS', 'a.example.com, https://b.example.com', 'Remove https://: b.example.com'],
  ['ALIAS_DOMAIN', 'https://b.example.com', 'Remove https://: b.example.com'],
  ['CERT_GROUPS', 'app.example.com https://b.example.com', 'Remove https://: b.example.com'],
  ['ROUTING_MAP', 'https://b.example.com=app:80', 'Remove https://: b.example.com'],
  ['ROUTING_MAP', 'b.example.com:443=app:80', 'Remove :443: b.example.com'],
  ['GATEWAY_DOMAIN', 'https://_.cluster.example.net', 'Remove https://: _.cluster.example.net'],
];
for (const [variable, value, fix] of advised) {
  test(`${variable}=${JSON.stringify(value)}: ${fix}`, () => {
    const [fault, ...others] = faultsOf({ ...GOOD, [variable]: value });
    assert.deepEqual([fault?.variable, fault?.fix, others], [variable, fix, []]);
  });
}

test('several names in DOMAIN are said to be that', () => {
  const [fault] = faultsOf({ ...GOOD, DOMAIN: 'a.example.com,b.example.com' });
  assert.equal(fault?.problem, 'takes one name, but this is more than one: "a.example.com,b.example.com"');
});

test('what is no name in any other way keeps the fix of its variable', () => {
  for (const DOMAIN of ['localhost', 'a.example.com,localhost', 'app example', '-x.example.com']) {
    const [fault] = faultsOf({ ...GOOD, DOMAIN });
    assert.match(fault?.fix ?? '', /^Set it to a name in a zone/, DOMAIN);
  }
});
