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
  expected: string | undefined,
  obstacle?: Readonly<Record<string, unknown>>,
])[] = [
  ['the longest domain', [parent, domain('b.example.com')], 'b.example.com'],
  ['no domain that only ends alike', [domain('ample.com')], undefined],
  [
    'the shorter domain if the longer one is disabled',
    [parent, domain('b.example.com', 'master', 'disabled')],
    'example.com',
  ],
  [
    'a domain with errors, which is still served',
    [parent, domain('b.example.com', 'master', 'has_errors')],
    'b.example.com',
  ],
  [
    'no secondary domain',
    [parent, domain('b.example.com', 'slave')],
    undefined,
    { reason: 'secondary', domain: 'b.example.com', type: 'slave', status: 'active' },
  ],
  [
    'no domain that is disabled',
    [domain('example.com', 'master', 'disabled')],
    undefined,
    { reason: 'not-served', domain: 'example.com', type: 'master', status: 'disabled' },
  ],
  [
    'no domain that is being edited',
    [domain('example.com', 'slave', 'edit_mode')],
    undefined,
    { reason: 'not-served', domain: 'example.com', type: 'slave', status: 'edit_mode' },
  ],
];
for (const [what, domains, expected, obstacle] of chosen) {
  test(`chooses ${what}`, () => {
    assert.equal(chooseDomain(domains, 'a.b.example.com')?.name, expected);
    if (obstacle) assert.deepEqual(domainNotFound(domains, 'a.b.example.com').details, obstacle);
  });
}
