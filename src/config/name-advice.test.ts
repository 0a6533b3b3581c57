import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultsOf, GOOD } from '../../test/harness/config.ts';

const advised: [variable: string, value: string, fix: string][] = [
  ['DOMAIN', 'https://app.example.com', 'Leave https:// out: app.example.com'],
  ['DOMAIN', 'HTTP://app.example.com/', 'Leave HTTP:// and / out: app.example.com'],
  ['DOMAIN', 'https://app.example.com:8443/x?y', 'Leave https:// and :8443 and /x?y out: app.example.com'],
  ['DOMAIN', 'app.example.com:443', 'Leave :443 out: app.example.com'],
  ['DOMAIN', 'app.example.com/evidences/', 'Leave /evidences/ out: app.example.com'],
  ['DOMAIN', 'https://*.example.com', 'Leave https:// out: *.example.com'],
  ['DOMAIN', '"app.example.com"', 'Leave the quotes out.'],
  ['DOMAIN', 'https://localhost', 'Leave https:// out, and set the name alone, such as app.example.com.'],
  [
    'DOMAIN',
    'a.example.com,b.example.com',
    'Leave it out, and add these to DOMAINS: a.example.com,b.example.com',
  ],
  [
    'DOMAIN',
    '*.example.com b.example.com',
    'Leave it out, and add these to DOMAINS: *.example.com,b.example.com',
  ],
  [
    'DOMAIN',
    'a.example.com;\nb.example.com',
    'Leave it out, and add these to DOMAINS: a.example.com,b.example.com',
  ],
  ['DOMAIN', 'app.example.com,', 'Leave the comma out: app.example.com'],
  ['DOMAIN', ', *.example.com', 'Leave the comma out: *.example.com'],
  ['DOMAIN', 'app.example.com;', 'Leave ; out: app.example.com'],
  ['GATEWAY_DOMAIN', '_.cluster.example.net,', 'Leave the comma out: _.cluster.example.net'],
  ['DOMAINS', 'b.example.com; , c.example.com', 'Leave ; out: b.example.com'],
  ['DOMAINS', 'a.example.com, https://b.example.com', 'Leave https:// out: b.example.com'],
  ['ALIAS_DOMAIN', 'https://b.example.com', 'Leave https:// out: b.example.com'],
  ['CERT_GROUPS', 'app.example.com https://b.example.com', 'Leave https:// out: b.example.com'],
  ['ROUTING_MAP', 'https://b.example.com=app:80', 'Leave https:// out: b.example.com'],
  ['ROUTING_MAP', 'b.example.com:443=app:80', 'Leave :443 out: b.example.com'],
  ['GATEWAY_DOMAIN', 'https://_.cluster.example.net', 'Leave https:// out: _.cluster.example.net'],
];
for (const [variable, value, fix] of advised) {
  test(`${variable}=${JSON.stringify(value)}: ${fix}`, () => {
    const [fault, ...others] = faultsOf({ ...GOOD, [variable]: value });
    assert.deepEqual([fault?.variable, fault?.fix, others], [variable, fix, []]);
  });
}

test('several names in DOMAIN are said to be that', () => {
  const [fault] = faultsOf({ ...GOOD, DOMAIN: 'a.example.com,b.example.com' });
  assert.equal(fault?.problem, 'takes one name, and this is more than one: "a.example.com,b.example.com"');
});

test('what is no name in any other way keeps the fix of its variable', () => {
  for (const DOMAIN of ['localhost', 'a.example.com,localhost', 'app example', '-x.example.com']) {
    const [fault] = faultsOf({ ...GOOD, DOMAIN });
    assert.match(fault?.fix ?? '', /^Set it to a name in a zone/, DOMAIN);
  }
});
