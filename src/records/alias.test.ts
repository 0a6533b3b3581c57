import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Capabilities } from '../dns/provider.ts';
import type { CurrentRecord } from '../dns/record.ts';
import type { Addresses } from '../dns/resolver.ts';
import { type AliasPlace, chooseAlias, chooseAliasTarget, standInAddresses } from './alias.ts';

const G = '_.cluster.net';
const F = 'gateway.cluster.net';
const table: [
  title: string,
  configured: string[] | undefined,
  friendly: string[] | undefined,
  published: string | undefined,
  expected: string,
][] = [
  [
    'both names resolve to the same addresses: the friendly name',
    ['192.0.2.1', '192.0.2.2'],
    ['192.0.2.2', '192.0.2.1'],
    undefined,
    F,
  ],
  ['the friendly name has no address: the configured name', ['192.0.2.1'], [], undefined, G],
  ['the friendly name has other addresses: the configured name', ['192.0.2.1'], ['198.51.100.1'], F, G],
  ['neither name has an address: the configured name', [], [], undefined, G],
  ['neither name has an address any longer: the published friendly name stays', [], [], F, F],
  ['a lookup failed: the published friendly name stays', undefined, ['192.0.2.1'], F, F],
  ['a lookup failed: the published configured name stays', ['192.0.2.1'], undefined, G, G],
  ['both lookups failed and nothing is published: the configured name', undefined, undefined, undefined, G],
  [
    'the addresses rotate: the published friendly name stays',
    ['192.0.2.1', '192.0.2.2'],
    ['192.0.2.2', '192.0.2.3'],
    F,
    F,
  ],
];
for (const [title, configured, friendly, published, expected] of table) {
  test(`target of the CNAME: ${title}`, () => {
    assert.equal(chooseAliasTarget({ gatewayDomain: G, configured, friendly, published }), expected);
  });
}

test('target of the CNAME: a gateway name of another form is published unchanged', () => {
  const lookups = {
    gatewayDomain: 'gw.example.net',
    configured: undefined,
    friendly: undefined,
    published: undefined,
  };
  assert.equal(chooseAliasTarget(lookups), 'gw.example.net');
});

const simple: Capabilities = {
  normalizeTtl: (seconds) => seconds,
  cnameBesideOthers: false,
  flattensApexCname: false,
  servesUnderscoreTargets: false,
  sharesTtl: false,
  rewritesZone: false,
  propagationSeconds: 60,
};
const D = 'app.example.com';
const record = (type: string, value: string, name = D): CurrentRecord => ({ name, type, value, ttl: 60 });
const place = { domain: D, target: F, apex: 'example.com', caaName: undefined, current: [] };
const places: [
  title: string,
  place: Partial<AliasPlace>,
  capabilities: Partial<Capabilities>,
  kind: 'name' | 'addresses',
][] = [
  ['below the apex, without other records', {}, {}, 'name'],
  ['with CAA at the same name', { caaName: D }, {}, 'addresses'],
  [
    'with CAA at the same name, if the provider serves both',
    { caaName: D },
    { cnameBesideOthers: true },
    'name',
  ],
  ['of a wildcard whose CAA record is at the base name', { domain: `*.${D}`, caaName: D }, {}, 'name'],
  ['beside MX', { current: [record('MX', '10 mx.example.com')] }, {}, 'addresses'],
  [
    'beside MX, if the provider serves both',
    { current: [record('MX', '10 mx')] },
    { cnameBesideOthers: true },
    'name',
  ],
  ['beside MX of another name', { current: [record('MX', '10 mx', 'www.example.com')] }, {}, 'name'],
  ['that replaces addresses', { current: [record('A', '192.0.2.1'), record('AAAA', '::1')] }, {}, 'name'],
  ['at the apex', { apex: D }, { cnameBesideOthers: true }, 'addresses'],
  ['at the apex, if the provider flattens it', { apex: D }, { flattensApexCname: true }, 'name'],
  ['to a target with an underscore', { target: G }, {}, 'addresses'],
  [
    'to a target with an underscore, if the provider serves it',
    { target: G },
    { servesUnderscoreTargets: true },
    'name',
  ],
];
for (const [title, changes, capabilities, kind] of places) {
  test(`an alias ${title} is published as ${kind === 'addresses' ? kind : 'a CNAME'}`, () => {
    const wanted = { ...place, ...changes };
    const alias = chooseAlias(wanted, { ...simple, ...capabilities });
    assert.equal(alias.kind, kind);
    if (alias.kind === 'name') assert.equal(alias.target, wanted.target);
  });
}

const old = [
  record('A', '192.0.2.1'),
  record('AAAA', '2001:db8::1'),
  record('A', '192.0.2.9', 'www.example.com'),
];
const addresses: [
  title: string,
  gateway: Addresses | undefined,
  ours: CurrentRecord[],
  expected: string[],
][] = [
  ['the current addresses of the gateway', { ipv4: ['192.0.2.2'], ipv6: [] }, old, ['192.0.2.2']],
  [
    'addresses of both families',
    { ipv4: ['192.0.2.2'], ipv6: ['2001:db8::2'] },
    [],
    ['192.0.2.2', '2001:db8::2'],
  ],
  [
    'the published addresses of a family whose lookup failed',
    { ipv4: ['192.0.2.2'], ipv6: undefined },
    old,
    ['192.0.2.2', '2001:db8::1'],
  ],
  ['all published addresses when both lookups failed', undefined, old, ['192.0.2.1', '2001:db8::1']],
  [
    'all published addresses while the gateway has none',
    { ipv4: [], ipv6: [] },
    old,
    ['192.0.2.1', '2001:db8::1'],
  ],
  ['no address when none is known', undefined, [], []],
  [
    'no unspecified address (0.0.0.0, ::)',
    { ipv4: ['0.0.0.0', '192.0.2.2'], ipv6: ['::'] },
    [],
    ['192.0.2.2'],
  ],
  [
    'no record that the provider overrides',
    undefined,
    [{ ...record('A', 'elsewhere'), overriddenBy: 'x' }],
    [],
  ],
];
for (const [title, gateway, ours, expected] of addresses) {
  test(`stand-in addresses: ${title}`, () => {
    assert.deepEqual(standInAddresses(D, gateway, ours), expected);
  });
}
