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
  ['both lead to the same addresses', ['192.0.2.1', '192.0.2.2'], ['192.0.2.2', '192.0.2.1'], undefined, F],
  ['the friendly name leads nowhere', ['192.0.2.1'], [], undefined, G],
  ['the friendly name leads elsewhere', ['192.0.2.1'], ['198.51.100.1'], F, G],
  ['neither leads anywhere', [], [], undefined, G],
  ['neither leads anywhere any more: the friendly name stays', [], [], F, F],
  ['a failed look-up keeps the friendly name', undefined, ['192.0.2.1'], F, F],
  ['a failed look-up keeps the configured name', ['192.0.2.1'], undefined, G, G],
  ['a failed look-up publishes what was configured', undefined, undefined, undefined, G],
  ['rotating addresses do not flap', ['192.0.2.1', '192.0.2.2'], ['192.0.2.2', '192.0.2.3'], F, F],
];
for (const [title, configured, friendly, published, expected] of table) {
  test(title, () => {
    assert.equal(chooseAliasTarget({ gatewayDomain: G, configured, friendly, published }), expected);
  });
}

test('any other gateway name is published as it is', () => {
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
const live = (type: string, value: string, name = D): CurrentRecord => ({ name, type, value, ttl: 60 });
const place = { domain: D, target: F, apex: 'example.com', caaName: undefined, live: [] };
const places: [
  title: string,
  place: Partial<AliasPlace>,
  capabilities: Partial<Capabilities>,
  why: RegExp | undefined,
][] = [
  ['below the apex, alone', {}, {}, undefined],
  ['with CAA at the same name', { caaName: D }, {}, /CAA record is wanted/],
  ['with CAA at the same name, where that is served', { caaName: D }, { cnameBesideOthers: true }, undefined],
  ['with CAA of the wildcard at the name above', { domain: `*.${D}`, caaName: D }, {}, undefined],
  ['beside MX', { live: [live('MX', '10 mx.example.com')] }, {}, /MX stands at the same name/],
  [
    'beside MX, where that is served',
    { live: [live('MX', '10 mx')] },
    { cnameBesideOthers: true },
    undefined,
  ],
  ['beside MX of another name', { live: [live('MX', '10 mx', 'www.example.com')] }, {}, undefined],
  ['in the place of addresses', { live: [live('A', '192.0.2.1'), live('AAAA', '::1')] }, {}, undefined],
  ['at the apex', { apex: D }, { cnameBesideOthers: true }, /apex/],
  ['at the apex, where that is flattened', { apex: D }, { flattensApexCname: true }, undefined],
  ['to an underscore', { target: G }, {}, /underscore/],
  ['to an underscore, where that is served', { target: G }, { servesUnderscoreTargets: true }, undefined],
];
for (const [title, changes, capabilities, why] of places) {
  test(`an alias ${title} is ${why ? 'addresses' : 'a name'}`, () => {
    const wanted = { ...place, ...changes };
    const alias = chooseAlias(wanted, { ...simple, ...capabilities });
    if (why) assert.match(alias.kind === 'addresses' ? alias.why : '', why);
    else assert.deepEqual(alias, { kind: 'name', target: wanted.target });
  });
}

const old = [live('A', '192.0.2.1'), live('AAAA', '2001:db8::1'), live('A', '192.0.2.9', 'www.example.com')];
const addresses: [
  title: string,
  gateway: Addresses | undefined,
  live: CurrentRecord[],
  expected: string[],
][] = [
  ['those it has now', { ipv4: ['192.0.2.2'], ipv6: [] }, old, ['192.0.2.2']],
  ['both families', { ipv4: ['192.0.2.2'], ipv6: ['2001:db8::2'] }, [], ['192.0.2.2', '2001:db8::2']],
  [
    'what is published of a family that failed',
    { ipv4: ['192.0.2.2'], ipv6: undefined },
    old,
    ['192.0.2.2', '2001:db8::1'],
  ],
  ['what is published when everything failed', undefined, old, ['192.0.2.1', '2001:db8::1']],
  ['what is published while it has none', { ipv4: [], ipv6: [] }, old, ['192.0.2.1', '2001:db8::1']],
  ['none when nothing is known', undefined, [], []],
  ['no address that is none', { ipv4: ['0.0.0.0', '192.0.2.2'], ipv6: ['::'] }, [], ['192.0.2.2']],
  [
    'nothing that the provider answers by itself',
    undefined,
    [{ ...live('A', 'elsewhere'), overriddenBy: 'x' }],
    [],
  ],
];
for (const [title, gateway, standing, expected] of addresses) {
  test(`in the gateway's place stand ${title}`, () => {
    assert.deepEqual(standInAddresses(D, gateway, standing), expected);
  });
}
