import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Capabilities } from '../dns/provider.ts';
import { type CurrentRecord, describeRecord } from '../dns/record.ts';
import type { Addresses } from '../dns/resolver.ts';
import { challengeAliasFault, type NameInZone, ownerNames, recordsOfName } from './name-records.ts';

const NAME = 'app.example.com';
const GATEWAY = 'gw.example.net';
const CHALLENGE = `_acme-challenge.${NAME}`;
const record = (name: string, type: string, value: string): CurrentRecord => ({ name, type, value, ttl: 60 });
const TXT = `_txt.${NAME} TXT bb:443`;
const CAA = `${NAME} CAA 0 issue "ca.example;validationmethods=dns-01;accounturi=https://ca.example/1"`;
const ours = record(`_txt.${NAME}`, 'TXT', 'bb:443');

const capabilities: Capabilities = {
  normalizeTtl: (seconds) => seconds,
  ...{ cnameBesideOthers: false, flattensApexCname: false, servesUnderscoreTargets: true },
  ...{ sharesTtl: false, rewritesZone: false, propagationSeconds: 60 },
};

interface Situation extends Partial<NameInZone> {
  readonly addresses?: Addresses | undefined;
  readonly current?: readonly CurrentRecord[];
  /** With CAA the name gets addresses, since a CNAME excludes a CAA record. */
  readonly caa?: boolean;
}

const found = { ipv4: ['192.0.2.1'], ipv6: ['2001:db8::1'] };
const none = { ipv4: [], ipv6: [] };

function recordsIn(situation: Situation) {
  const { current = [], caa = false } = situation;
  const addresses = 'addresses' in situation ? situation.addresses : found;
  const { domain = NAME, apex = 'example.com', certified = false } = situation;
  const gateway = {
    ...{ gatewayDomain: GATEWAY, configured: undefined, friendly: undefined, injected: undefined },
    ...{ addresses, failure: undefined },
  };
  const owners = caa ? [{ issuer: 'ca.example', accountUrl: 'https://ca.example/1' }] : undefined;
  const { records, warnings, unreachable, refused } = recordsOfName(
    { domain, apex, certified },
    current,
    { appId: 'bb', gateway, caa: owners },
    { spec: { gatewayDomain: GATEWAY, port: 443, txtPrefix: '_txt', setCaa: caa }, capabilities },
  );
  return {
    records: records.map(describeRecord),
    warnings: warnings.length,
    ...{ unreachable: unreachable?.code, refused: refused?.code },
  };
}

const ok = { warnings: 0, unreachable: undefined, refused: undefined };
const publishedAddress = record(NAME, 'A', '192.0.2.9');
const challengeAlias = record(CHALLENGE, 'CNAME', 'x.example.org');
const table: [title: string, situation: Situation, expected: ReturnType<typeof recordsIn>][] = [
  ['a CNAME and the app-address', {}, { ...ok, records: [`${NAME} CNAME ${GATEWAY}`, TXT] }],
  [
    'the same while the gateway cannot be looked up',
    { addresses: undefined },
    { ...ok, records: [`${NAME} CNAME ${GATEWAY}`, TXT] },
  ],
  [
    'the same while the gateway has no address',
    { addresses: none },
    { ...ok, records: [`${NAME} CNAME ${GATEWAY}`, TXT] },
  ],
  [
    'addresses of both families with CAA, and a warning',
    { caa: true },
    { ...ok, records: [`${NAME} A 192.0.2.1`, `${NAME} AAAA 2001:db8::1`, TXT, CAA], warnings: 1 },
  ],
  [
    'addresses at the apex, and a warning',
    { apex: NAME },
    { ...ok, records: [`${NAME} A 192.0.2.1`, `${NAME} AAAA 2001:db8::1`, TXT], warnings: 1 },
  ],
  [
    'only CAA where the gateway has no address: it is unreachable, and not refused',
    { caa: true, addresses: none },
    { ...ok, records: [CAA], unreachable: 'DNS_LOOKUP_FAILED' },
  ],
  [
    'no record where addresses are needed and the lookup failed',
    { caa: true, addresses: undefined },
    { ...ok, records: [], refused: 'DNS_LOOKUP_FAILED' },
  ],
  [
    'our published addresses while the gateway has none, and two warnings',
    { caa: true, addresses: none, current: [ours, publishedAddress] },
    { ...ok, records: [`${NAME} A 192.0.2.9`, TXT, CAA], warnings: 2 },
  ],
  [
    'our published addresses while the lookup fails, and two warnings',
    { caa: true, addresses: undefined, current: [ours, publishedAddress] },
    { ...ok, records: [`${NAME} A 192.0.2.9`, TXT, CAA], warnings: 2 },
  ],
  [
    'our published address of the family whose lookup failed',
    { caa: true, addresses: { ipv4: undefined, ipv6: ['2001:db8::1'] }, current: [ours, publishedAddress] },
    { ...ok, records: [`${NAME} A 192.0.2.9`, `${NAME} AAAA 2001:db8::1`, TXT, CAA], warnings: 1 },
  ],
  [
    'no addresses of another owner, whose app-address is not ours',
    { caa: true, addresses: none, current: [record(`_txt.${NAME}`, 'TXT', 'aa:443'), publishedAddress] },
    { ...ok, records: [CAA], unreachable: 'DNS_LOOKUP_FAILED' },
  ],
  [
    'no record of a name without a certificate whose challenge name is an alias',
    { current: [challengeAlias] },
    { ...ok, records: [], refused: 'CHALLENGE_NAME_IS_ALIAS' },
  ],
  [
    'the records of a name with a certificate all the same',
    { current: [challengeAlias], certified: true },
    { ...ok, records: [`${NAME} CNAME ${GATEWAY}`, TXT] },
  ],
  [
    'CAA and TXT of a wildcard at other names than its CNAME',
    { domain: `*.${NAME}`, caa: true },
    {
      ...ok,
      records: [
        `*.${NAME} CNAME ${GATEWAY}`,
        `_txt-wildcard.${NAME} TXT bb:443`,
        CAA.replace('issue', 'issuewild'),
      ],
    },
  ],
];
for (const [title, situation, expected] of table)
  test(`desired: ${title}`, () => assert.deepEqual(recordsIn(situation), expected));

test('only a CNAME at the challenge name redirects the CA’s lookup', () => {
  assert.equal(challengeAliasFault(NAME, [challengeAlias])?.code, 'CHALLENGE_NAME_IS_ALIAS');
  assert.equal(challengeAliasFault(`*.${NAME}`, [challengeAlias])?.code, 'CHALLENGE_NAME_IS_ALIAS');
  const others = [record(CHALLENGE, 'TXT', 'x'), record(NAME, 'CNAME', GATEWAY)];
  assert.equal(challengeAliasFault(NAME, others), undefined);
});

test('the owner names of a wildcard are those of its records and its challenge, each once', () => {
  assert.deepEqual(ownerNames(NAME, { txtPrefix: '_txt' }), [NAME, `_txt.${NAME}`, CHALLENGE]);
  const ofWildcard = [`*.${NAME}`, NAME, `_txt-wildcard.${NAME}`, CHALLENGE];
  assert.deepEqual(ownerNames(`*.${NAME}`, { txtPrefix: '_txt' }), ofWildcard);
});
