import assert from 'node:assert/strict';
import { test } from 'node:test';
import { delegation, type Knowledge, memoryResolver, rr } from '../../test/harness/dns/resolver.ts';
import { IngressError } from '../errors.ts';
import { findAuthoritative } from './authoritative.ts';

const never = new AbortController().signal;
const NAME = 'app.example.com';
const zone = delegation('example.com', { 'ns1.example.net': ['192.0.2.1'] });
const child = delegation(NAME, { 'ns1.child.example': ['192.0.2.9'] });
const speaks = (apex: string) => ({ authorities: [rr(apex, 'SOA', '')] });

interface Row {
  readonly title: string;
  readonly name?: string;
  readonly zoneName?: string;
  readonly known: Knowledge;
  readonly apex: string;
  /** The names whose SOA is asked for. */
  readonly looks: string[];
}

const rows: Row[] = [
  {
    title: 'in the answer for the zone of the provider',
    zoneName: 'example.com',
    known: zone,
    apex: 'example.com',
    looks: ['example.com'],
  },
  {
    title: 'in the authority section of a negative answer',
    zoneName: 'app.example.com',
    known: { ...zone, [`${NAME} SOA`]: speaks('example.com') },
    apex: 'example.com',
    looks: [NAME],
  },
  {
    title: 'in the authority section of NXDOMAIN',
    zoneName: 'app.example.com',
    known: { ...zone, [`${NAME} SOA`]: { rcode: 'NXDOMAIN', ...speaks('example.com') } },
    apex: 'example.com',
    looks: [NAME],
  },
  {
    title: 'above the name first, when the provider does not tell the zone',
    known: { ...zone, ...child },
    apex: 'example.com',
    looks: ['example.com'],
  },
  {
    title: 'at the name last, when it is a zone that nobody above knows',
    known: child,
    apex: NAME,
    looks: ['example.com', NAME],
  },
  {
    title: 'above the base of a wildcard',
    name: '*.app.example.com',
    known: { ...zone, 'app.example.com SOA': {} },
    apex: 'example.com',
    looks: ['example.com'],
  },
  {
    title: 'through the parents, as far as it takes',
    name: 'a.b.c.example.com',
    zoneName: 'a.b.c.example.com',
    known: zone,
    apex: 'example.com',
    looks: ['a.b.c.example.com', 'b.c.example.com', 'c.example.com', 'example.com'],
  },
  {
    title: 'not where an alias leads',
    zoneName: NAME,
    known: {
      ...zone,
      [`${NAME} SOA`]: { answers: [rr(NAME, 'CNAME', 'x.example.com')], ...speaks('example.com') },
      'example.com SOA': { answers: [rr('example.com', 'SOA', '')] },
    },
    apex: 'example.com',
    looks: [NAME, 'example.com'],
  },
  {
    title: 'not in the SOA of an alias target',
    zoneName: NAME,
    known: {
      ...zone,
      [`${NAME} SOA`]: { answers: [rr(NAME, 'CNAME', 'cdn.example'), rr('cdn.example', 'SOA', '')] },
    },
    apex: 'example.com',
    looks: [NAME, 'example.com'],
  },
  {
    title: 'not in a speaker that does not hold the name',
    zoneName: NAME,
    known: { ...zone, [`${NAME} SOA`]: speaks('ample.com') },
    apex: 'example.com',
    looks: [NAME, 'example.com'],
  },
  {
    title: 'not in a top-level domain that speaks',
    zoneName: NAME,
    known: { ...zone, [`${NAME} SOA`]: speaks('com') },
    apex: 'example.com',
    looks: [NAME, 'example.com'],
  },
];
for (const { title, name = NAME, zoneName, known, apex, looks } of rows) {
  test(`the apex is found ${title}`, async () => {
    const { resolve, asked } = memoryResolver(known);
    assert.equal((await findAuthoritative(name, zoneName, resolve, never)).apex, apex);
    assert.deepEqual(
      asked.filter((question) => question.endsWith(' SOA')),
      looks.map((look) => `${look} SOA`),
    );
  });
}

test('every address of every name server is listed, in both families, at port 53', async () => {
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

test('name servers of another name are not those of the zone', async () => {
  const own = [rr('example.com', 'NS', 'ns1.example.net'), rr('example.org', 'NS', 'ns1.example.org')];
  const other = { 'ns1.example.org A': { answers: [rr('ns1.example.org', 'A', '192.0.2.7')] } };
  const known = { ...zone, ...other, 'example.com NS': { answers: own } };
  const { servers } = await findAuthoritative(NAME, 'example.com', memoryResolver(known).resolve, never);
  assert.deepEqual(
    servers.map(({ hostname }) => hostname),
    ['ns1.example.net'],
  );
});

const failing: [title: string, known: Knowledge, sentence: RegExp][] = [
  ['a name in no zone', {}, /no zone in the public DNS holds app\.example\.com/],
  ['a top-level domain that is a zone', { 'com SOA': { answers: [rr('com', 'SOA', '')] } }, /no zone/],
  ['name servers without address', delegation('example.com', { 'ns1.example.net': [] }), /no name server/],
  ['no name servers', delegation('example.com', {}), /example\.com has no name server with an address/],
  ['a look-up of the apex that fails', { 'example.com SOA': 'fails' }, /no resolver answered/],
  ['a look-up of the servers that fails', { ...zone, 'example.com NS': 'fails' }, /no resolver answered/],
  [
    'look-ups of all addresses that fail',
    { ...zone, 'ns1.example.net A': 'fails' },
    /no name server with an address/,
  ],
];
for (const [title, known, sentence] of failing) {
  test(`${title}: DNS_LOOKUP_FAILED`, async () => {
    const finding = findAuthoritative(NAME, 'example.com', memoryResolver(known).resolve, never);
    await assert.rejects(finding, (thrown) => {
      assert.ok(thrown instanceof IngressError);
      assert.equal(thrown.code, 'DNS_LOOKUP_FAILED');
      assert.match(thrown.message, sentence);
      return true;
    });
  });
}

test('a name server whose address cannot be looked up is left out as long as another one has one', async () => {
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
