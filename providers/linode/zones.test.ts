import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseDomain, domainNotFound, type LinodeDomain } from './zones.ts';

const domain = (name: string, type = 'master', status = 'active'): LinodeDomain => ({
  id: name.length,
  name,
  type,
  status,
  ttl_sec: 0,
});
const parent = domain('example.com');

const chosen: readonly (readonly [
  what: string,
  domains: LinodeDomain[],
  expected: string | RegExp | undefined,
])[] = [
  ['the longest', [parent, domain('b.example.com')], 'b.example.com'],
  ['none that only ends alike', [domain('ample.com')], undefined],
  [
    'the shorter one where the longer is disabled',
    [parent, domain('b.example.com', 'master', 'disabled')],
    'example.com',
  ],
  [
    'one with errors, which is served still',
    [parent, domain('b.example.com', 'master', 'has_errors')],
    'b.example.com',
  ],
  [
    'no secondary one',
    [parent, domain('b.example.com', 'slave')],
    /b\.example\.com is a secondary one \(type slave\)/,
  ],
  ['none that is disabled', [domain('example.com', 'master', 'disabled')], /not served \(status disabled\)/],
  ['none that is being edited', [domain('example.com', 'slave', 'edit_mode')], /status edit_mode/],
];
for (const [what, domains, expected] of chosen) {
  test(`chooses ${what}`, () => {
    const choice = chooseDomain(domains, 'a.b.example.com');
    if (expected instanceof RegExp) {
      assert.equal(choice, undefined);
      assert.match(domainNotFound(domains, 'a.b.example.com').message, expected);
    } else assert.equal(choice?.name, expected);
  });
}
