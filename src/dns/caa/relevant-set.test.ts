import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer } from 'dns-packet';
import { alias, caaTable, GATEWAY, ISSUE, NAME, OTHER, set } from '../../../test/harness/dns/caa-table.ts';
import { caa, cname, startDnsServer } from '../../../test/harness/dns/dns-server.ts';
import { memoryResolver, rr } from '../../../test/harness/dns/resolver.ts';
import { createResolver } from '../resolver.ts';
import { type CaaAnswer, findRelevantSet, resolverLookup } from './relevant-set.ts';

const never = new AbortController().signal;

interface Climb {
  readonly title: string;
  readonly name?: string;
  readonly table: Readonly<Record<string, CaaAnswer>>;
  readonly found: [at: string, owner: string, value: string] | undefined;
  readonly queries: string[];
}

const climbs: Climb[] = [
  {
    title: 'at the name itself',
    table: { [NAME]: set(ISSUE), 'example.com': set(OTHER) },
    found: [NAME, NAME, ISSUE],
    queries: [NAME],
  },
  {
    title: 'above the name',
    table: { 'example.com': set(ISSUE), com: set(OTHER) },
    found: ['example.com', 'example.com', ISSUE],
    queries: [NAME, 'example.com'],
  },
  {
    title: 'at the top-level domain',
    table: { com: set(ISSUE) },
    found: ['com', 'com', ISSUE],
    queries: [NAME, 'example.com', 'com'],
  },
  { title: 'nowhere', table: {}, found: undefined, queries: [NAME, 'example.com', 'com'] },
  {
    title: 'at the base of a wildcard',
    name: '*.app.example.com',
    table: { '*.app.example.com': set(OTHER), [NAME]: set(ISSUE) },
    found: [NAME, NAME, ISSUE],
    queries: [NAME],
  },
  {
    title: 'at a name that is spelt differently',
    name: 'App.Example.COM.',
    table: { [NAME]: set(ISSUE) },
    found: [NAME, NAME, ISSUE],
    queries: [NAME],
  },
  {
    title: 'at the target of an alias',
    table: { [NAME]: alias(GATEWAY), [GATEWAY]: set(ISSUE), 'example.com': set(OTHER) },
    found: [NAME, GATEWAY, ISSUE],
    queries: [NAME, GATEWAY],
  },
  {
    title: 'above an alias whose target has none, and not above the target',
    table: { [NAME]: alias(GATEWAY), 'cluster.net': set(OTHER), 'example.com': set(ISSUE) },
    found: ['example.com', 'example.com', ISSUE],
    queries: [NAME, GATEWAY, 'example.com'],
  },
  {
    title: 'at the end of a chain of aliases',
    table: { [NAME]: alias('a.example.net'), 'a.example.net': alias(GATEWAY), [GATEWAY]: set(ISSUE) },
    found: [NAME, GATEWAY, ISSUE],
    queries: [NAME, 'a.example.net', GATEWAY],
  },
  {
    title: 'beside a CNAME, if the provider serves both',
    table: { [NAME]: alias(GATEWAY, ISSUE), [GATEWAY]: set(OTHER) },
    found: [NAME, NAME, ISSUE],
    queries: [NAME],
  },
  {
    title: 'at the target of an alias above the name',
    table: { 'example.com': alias('example.net'), 'example.net': set(ISSUE) },
    found: ['example.com', 'example.net', ISSUE],
    queries: [NAME, 'example.com', 'example.net'],
  },
];
for (const { title, name = NAME, table, found, queries } of climbs) {
  test(`the relevant set is found ${title}`, async () => {
    const memory = caaTable(table);
    const [at, owner, value] = found ?? [];
    assert.deepEqual(
      await findRelevantSet(name, memory.lookUp, never),
      found ? { at, owner, values: [value] } : undefined,
    );
    assert.deepEqual(memory.queries, queries);
  });
}

/** A chain of this many aliases that ends at a set. */
const chain = (length: number): Record<string, CaaAnswer> => ({
  ...Object.fromEntries(
    Array.from({ length }, (_, index) => [index === 0 ? NAME : `a${index}.net`, alias(`a${index + 1}.net`)]),
  ),
  [`a${length}.net`]: set(ISSUE),
});

test('a chain may have as many aliases as resolvers follow', async () => {
  assert.equal((await findRelevantSet(NAME, caaTable(chain(11)).lookUp, never))?.owner, 'a11.net');
  await assert.rejects(findRelevantSet(NAME, caaTable(chain(12)).lookUp, never), {
    code: 'DNS_LOOKUP_FAILED',
    details: { name: NAME, loop: undefined },
  });
});

const loops: [loop: string, table: Record<string, CaaAnswer>][] = [
  [NAME, { [NAME]: alias(NAME) }],
  [NAME, { [NAME]: alias('a.net'), 'a.net': alias(NAME) }],
  ['a.net', { [NAME]: alias('a.net'), 'a.net': alias('b.net'), 'b.net': alias('a.net') }],
];
for (const [loop, table] of loops) {
  test(`a loop of ${Object.keys(table).length} aliases at ${loop} is an error`, async () => {
    await assert.rejects(findRelevantSet(NAME, caaTable(table).lookUp, never), {
      code: 'DNS_LOOKUP_FAILED',
      details: { name: NAME, loop },
    });
  });
}

test('a failed lookup ends the search', async () => {
  const { resolve, queries } = memoryResolver({
    'example.com CAA': 'fails',
    'com CAA': { answers: [rr('com', 'CAA', ISSUE)] },
  });
  await assert.rejects(findRelevantSet(NAME, resolverLookup(resolve), never), { code: 'DNS_LOOKUP_FAILED' });
  assert.deepEqual(queries, [`${NAME} CAA`, 'example.com CAA']);
});

test('a name is looked up over the network', async (t) => {
  const zone: Record<string, Answer[]> = {
    [NAME]: [
      cname(NAME, GATEWAY),
      caa(GATEWAY, 'issue', 'ca.example; policy=ev'),
      caa(GATEWAY, 'ISSUEWILD', ';'),
    ],
    'both.example.com': [caa('both.example.com', 'issue', ';'), cname('both.example.com', GATEWAY)],
  };
  const server = await startDnsServer(t, ({ name }) => {
    const answers = zone[name];
    return answers ? { answers } : { rcode: 'NXDOMAIN' };
  });
  const lookUp = resolverLookup(createResolver([server]));
  assert.deepEqual(await lookUp(NAME, never), { caa: [], alias: GATEWAY });
  assert.deepEqual(await lookUp(GATEWAY, never), {
    caa: ['0 issue "ca.example; policy=ev"', '0 ISSUEWILD ";"'],
  });
  assert.deepEqual(await lookUp('both.example.com', never), { caa: ['0 issue ";"'], alias: GATEWAY });
  assert.deepEqual(await lookUp('missing.example.com', never), { caa: [] });
  assert.deepEqual(server.queries, [
    `udp ${NAME} CAA`,
    'udp both.example.com CAA',
    'udp missing.example.com CAA',
  ]);
});

const soa = [rr('cluster.net', 'SOA', '')];
const leads = rr(NAME, 'CNAME', 'a.example.net');
const further = rr('a.example.net', 'CNAME', GATEWAY);
interface Response {
  readonly title: string;
  readonly reply: Parameters<typeof memoryResolver>[0][string];
  /** The names that are queried when the aliases are followed. */
  readonly queries: string[];
  readonly owner: string | undefined;
}
const responses: Response[] = [
  {
    title: 'the whole chain and the set',
    reply: { answers: [leads, further, rr(GATEWAY, 'CAA', ISSUE)] },
    queries: [NAME],
    owner: GATEWAY,
  },
  {
    title: 'the chain in any order',
    reply: { answers: [rr(GATEWAY, 'CAA', ISSUE), further, leads] },
    queries: [NAME],
    owner: GATEWAY,
  },
  {
    title: 'the whole chain and NODATA',
    reply: { answers: [leads, further], authorities: soa },
    queries: [NAME, 'example.com', 'com'],
    owner: undefined,
  },
  {
    title: 'the whole chain and NXDOMAIN',
    reply: { rcode: 'NXDOMAIN', answers: [leads, further] },
    queries: [NAME, 'example.com', 'com'],
    owner: undefined,
  },
  {
    title: 'a part of the chain',
    reply: { answers: [leads] },
    queries: [NAME, 'a.example.net'],
    owner: 'a.example.net',
  },
  {
    title: 'the chain without its end',
    reply: { answers: [leads, further] },
    queries: [NAME, GATEWAY],
    owner: GATEWAY,
  },
  {
    title: 'the set of another name',
    reply: { answers: [rr('www.example.com', 'CAA', OTHER)] },
    queries: [NAME, 'example.com', 'com'],
    owner: undefined,
  },
];
for (const { title, reply, queries, owner } of responses) {
  test(`after a response with ${title}, the lookups are ${queries.join(', ')}`, async () => {
    const memory = memoryResolver({
      [`${NAME} CAA`]: reply ?? {},
      'a.example.net CAA': { answers: [rr('a.example.net', 'CAA', ISSUE)] },
      [`${GATEWAY} CAA`]: { answers: [rr(GATEWAY, 'CAA', ISSUE)] },
    });
    assert.equal((await findRelevantSet(NAME, resolverLookup(memory.resolve), never))?.owner, owner);
    assert.deepEqual(
      memory.queries,
      queries.map((name) => `${name} CAA`),
    );
  });
}

test('a loop within one response is an error', async () => {
  const { resolve, queries } = memoryResolver({
    [`${NAME} CAA`]: { answers: [leads, rr('a.example.net', 'CNAME', 'a.example.net')] },
  });
  await assert.rejects(findRelevantSet(NAME, resolverLookup(resolve), never), {
    details: { name: NAME, loop: 'a.example.net' },
  });
  assert.deepEqual(queries, [`${NAME} CAA`]);
});
