import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  delegation,
  failedLookup,
  type Knowledge,
  memoryResolver,
  rr,
} from '../../test/harness/dns/resolver.ts';
import { findAuthoritative } from './authoritative.ts';

const never = new AbortController().signal;
const NAME = 'app.example.com';
const zone = delegation('example.com', { 'ns1.example.net': ['192.0.2.1'] });
const child = delegation(NAME, { 'ns1.child.example': ['192.0.2.9'] });
const negative = (apex: string) => ({ authorities: [rr(apex, 'SOA', '')] });

interface Row {
  readonly title: string;
  readonly name?: string;
  readonly zoneName?: string;
  readonly known: Knowledge;
  readonly apex: string;
  /** The names whose SOA record is queried. */
  readonly queried: string[];
}

const rows: Row[] = [
  {
    title: 'in the answer for the zone that the provider names',
    zoneName: 'example.com',
    known: zone,
    apex: 'example.com',
    queried: ['example.com'],
  },
  {
    title: 'in the authority section of a negative answer',
    zoneName: 'app.example.com',
    known: { ...zone, [`${NAME} SOA`]: negative('example.com') },
    apex: 'example.com',
    queried: [NAME],
  },
  {
    title: 'in the authority section of NXDOMAIN',
    zoneName: 'app.example.com',
    known: { ...zone, [`${NAME} SOA`]: { rcode: 'NXDOMAIN', ...negative('example.com') } },
    apex: 'example.com',
    queried: [NAME],
  },
  {
    title: 'above the name first, if the provider does not name the zone',
    known: { ...zone, ...child },
    apex: 'example.com',
    queried: ['example.com'],
  },
  {
    title: 'at the name last, if the zone has no parent',
    known: child,
    apex: NAME,
    queried: ['example.com', NAME],
  },
  {
    title: 'above the base of a wildcard',
    name: '*.app.example.com',
    known: { ...zone, 'app.example.com SOA': {} },
    apex: 'example.com',
    queried: ['example.com'],
  },
  {
    title: 'at the closest ancestor that is a zone',
    name: 'a.b.c.example.com',
    zoneName: 'a.b.c.example.com',
    known: zone,
    apex: 'example.com',
    queried: ['a.b.c.example.com', 'b.c.example.com', 'c.example.com', 'example.com'],
  },
  {
    title: 'not where a CNAME leads',
    zoneName: NAME,
    known: {
      ...zone,
      [`${NAME} SOA`]: { answers: [rr(NAME, 'CNAME', 'x.example.com')], ...negative('example.com') },
      'example.com SOA': { answers: [rr('example.com', 'SOA', '')] },
    },
    apex: 'example.com',
    queried: [NAME, 'example.com'],
  },
  {
    title: 'not in the SOA record of a CNAME target',
    zoneName: NAME,
    known: {
      ...zone,
      [`${NAME} SOA`]: { answers: [rr(NAME, 'CNAME', 'cdn.example'), rr('cdn.example', 'SOA', '')] },
    },
    apex: 'example.com',
    queried: [NAME, 'example.com'],
  },
  {
    title: 'not in the SOA record of a zone that the name is not in',
    zoneName: NAME,
    known: { ...zone, [`${NAME} SOA`]: negative('ample.com') },
    apex: 'example.com',
    queried: [NAME, 'example.com'],
  },
  {
    title: 'not in the SOA record of a top-level domain',
    zoneName: NAME,
    known: { ...zone, [`${NAME} SOA`]: negative('com') },
    apex: 'example.com',
    queried: [NAME, 'example.com'],
  },
];
for (const { title, name = NAME, zoneName, known, apex, queried } of rows) {
  test(`the apex is found ${title}`, async () => {
    const { resolve, queries } = memoryResolver(known);
    assert.equal((await findAuthoritative(name, zoneName, resolve, never)).apex, apex);
    assert.deepEqual(
      queries.filter((question) => question.endsWith(' SOA')),
      queried.map((name) => `${name} SOA`),
    );
  });
}

test('every address of every name server is found, in both families, at port 53', async () => {
  const known = delegation('example.com', {
    'ns1.example.net': ['192.0.2.1', '192.0.2.2', '2001:db8::1'],
    'ns2.example.net': ['2001:db8::2'],
    'ns3.example.net': [],
  });
  const { servers } = await findAuthoritative(NAME, 'example.com', memoryResolver(known).resolve, never);
  assert.deepEqual(
    servers.map(({ hostname, address, port }) => `${hostname} ${address} ${port}`),
    [
      'ns1.example.net 192.0.2.1 53',
      'ns1.example.net 192.0.2.2 53',
      'ns1.example.net 2001:db8::1 53',
      'ns2.example.net 2001:db8::2 53',
    ],
  );
});

test('NS records of another name do not count', async () => {
  const own = [rr('example.com', 'NS', 'ns1.example.net'), rr('example.org', 'NS', 'ns1.example.org')];
  const other = { 'ns1.example.org A': { answers: [rr('ns1.example.org', 'A', '192.0.2.7')] } };
  const known = { ...zone, ...other, 'example.com NS': { answers: own } };
  const { servers } = await findAuthoritative(NAME, 'example.com', memoryResolver(known).resolve, never);
  assert.deepEqual(
    servers.map(({ hostname }) => hostname),
    ['ns1.example.net'],
  );
});

const noZone = { details: { name: NAME } };
const noServer = { details: { zone: 'example.com' } };
const failing: [title: string, known: Knowledge, fields: object][] = [
  ['a name in no zone', {}, noZone],
  ['a top-level domain that is a zone', { 'com SOA': { answers: [rr('com', 'SOA', '')] } }, noZone],
  ['name servers without an address', delegation('example.com', { 'ns1.example.net': [] }), noServer],
  ['no name servers', delegation('example.com', {}), noServer],
  ['failed lookups of every address', { ...zone, 'ns1.example.net A': 'fails' }, noServer],
  ['a failed lookup of the apex', { 'example.com SOA': 'fails' }, failedLookup('example.com', 'SOA')],
  [
    'a failed lookup of the servers',
    { ...zone, 'example.com NS': 'fails' },
    failedLookup('example.com', 'NS'),
  ],
];
for (const [title, known, fields] of failing) {
  test(`${title}: DNS_LOOKUP_FAILED`, async () => {
    const finding = findAuthoritative(NAME, 'example.com', memoryResolver(known).resolve, never);
    await assert.rejects(finding, { code: 'DNS_LOOKUP_FAILED', ...fields });
  });
}

test('a name server is left out if the lookup of its address fails and another server has one', async () => {
  const both = delegation('example.com', {
    'ns1.example.net': ['192.0.2.1'],
    'ns2.example.net': ['192.0.2.2'],
  });
  const known: Knowledge = { ...both, 'ns1.example.net A': 'fails' };
  const { servers } = await findAuthoritative(NAME, 'example.com', memoryResolver(known).resolve, never);
  assert.deepEqual(
    servers.map(({ hostname }) => hostname),
    ['ns2.example.net'],
  );
});
