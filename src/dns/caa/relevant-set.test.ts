import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer } from 'dns-packet';
import { alias, askTable, GATEWAY, ISSUE, NAME, OTHER, set } from '../../../test/harness/dns/caa-table.ts';
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
  readonly asked: string[];
}

const climbs: Climb[] = [
  {
    title: 'at the name itself',
    table: { [NAME]: set(ISSUE), 'example.com': set(OTHER) },
    found: [NAME, NAME, ISSUE],
    asked: [NAME],
  },
  {
    title: 'above the name',
    table: { 'example.com': set(ISSUE), com: set(OTHER) },
    found: ['example.com', 'example.com', ISSUE],
    asked: [NAME, 'example.com'],
  },
  {
    title: 'at the top-level domain',
    table: { com: set(ISSUE) },
    found: ['com', 'com', ISSUE],
    asked: [NAME, 'example.com', 'com'],
  },
  { title: 'nowhere', table: {}, found: undefined, asked: [NAME, 'example.com', 'com'] },
  {
    title: 'at the base of a wildcard',
    name: '*.app.example.com',
    table: { '*.app.example.com': set(OTHER), [NAME]: set(ISSUE) },
    found: [NAME, NAME, ISSUE],
    asked: [NAME],
  },
  {
    title: 'at a name that is written in another way',
    name: 'App.Example.COM.',
    table: { [NAME]: set(ISSUE) },
    found: [NAME, NAME, ISSUE],
    asked: [NAME],
  },
  {
    title: 'at the target of an alias',
    table: { [NAME]: alias(GATEWAY), [GATEWAY]: set(ISSUE), 'example.com': set(OTHER) },
    found: [NAME, GATEWAY, ISSUE],
    asked: [NAME, GATEWAY],
  },
  {
    title: 'above an alias whose target has none, not above the target',
    table: { [NAME]: alias(GATEWAY), 'cluster.net': set(OTHER), 'example.com': set(ISSUE) },
    found: ['example.com', 'example.com', ISSUE],
    asked: [NAME, GATEWAY, 'example.com'],
  },
  {
    title: 'at the end of a chain of aliases',
    table: { [NAME]: alias('a.example.net'), 'a.example.net': alias(GATEWAY), [GATEWAY]: set(ISSUE) },
    found: [NAME, GATEWAY, ISSUE],
    asked: [NAME, 'a.example.net', GATEWAY],
  },
  {
    title: 'beside an alias, where a provider serves both',
    table: { [NAME]: alias(GATEWAY, ISSUE), [GATEWAY]: set(OTHER) },
    found: [NAME, NAME, ISSUE],
    asked: [NAME],
  },
  {
    title: 'at the target of an alias above the name',
    table: { 'example.com': alias('example.net'), 'example.net': set(ISSUE) },
    found: ['example.com', 'example.net', ISSUE],
    asked: [NAME, 'example.com', 'example.net'],
  },
];
for (const { title, name = NAME, table, found, asked } of climbs) {
  test(`the set that decides is found ${title}`, async () => {
    const memory = askTable(table);
    const [at, owner, value] = found ?? [];
    assert.deepEqual(
      await findRelevantSet(name, memory.ask, never),
      found ? { at, owner, values: [value] } : undefined,
    );
    assert.deepEqual(memory.asked, asked);
  });
}

/** A name that leads through as many aliases to a set. */
const chain = (length: number): Record<string, CaaAnswer> => ({
  ...Object.fromEntries(
    Array.from({ length }, (_, index) => [index === 0 ? NAME : `a${index}.net`, alias(`a${index + 1}.net`)]),
  ),
  [`a${length}.net`]: set(ISSUE),
});

test('as many aliases are followed as resolvers follow, and no more', async () => {
  assert.equal((await findRelevantSet(NAME, askTable(chain(11)).ask, never))?.owner, 'a11.net');
  await assert.rejects(findRelevantSet(NAME, askTable(chain(12)).ask, never), {
    code: 'DNS_LOOKUP_FAILED',
    message: /app\.example\.com leads through more than 11 aliases/,
  });
});

const loops: [back: string, table: Record<string, CaaAnswer>][] = [
  [NAME, { [NAME]: alias(NAME) }],
  [NAME, { [NAME]: alias('a.net'), 'a.net': alias(NAME) }],
  ['a.net', { [NAME]: alias('a.net'), 'a.net': alias('b.net'), 'b.net': alias('a.net') }],
];
for (const [back, table] of loops) {
  test(`${Object.keys(table).length} aliases that lead back to ${back} are an error that says so`, async () => {
    await assert.rejects(findRelevantSet(NAME, askTable(table).ask, never), {
      code: 'DNS_LOOKUP_FAILED',
      message: `the aliases from ${NAME} lead back to ${back}`,
      hint: /CNAME at app\.example\.com/,
    });
  });
}

test('a look-up that fails ends the search', async () => {
  const { resolve, asked } = memoryResolver({
    'example.com CAA': 'fails',
    'com CAA': { answers: [rr('com', 'CAA', ISSUE)] },
  });
  await assert.rejects(findRelevantSet(NAME, resolverLookup(resolve), never), { code: 'DNS_LOOKUP_FAILED' });
  assert.deepEqual(asked, [`${NAME} CAA`, 'example.com CAA']);
});

test('of a name server it is learned over the wire what stands at a name', async (t) => {
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
  const ask = resolverLookup(createResolver([server]));
  assert.deepEqual(await ask(NAME, never), { caa: [], alias: GATEWAY });
  assert.deepEqual(await ask(GATEWAY, never), {
    caa: ['0 issue "ca.example; policy=ev"', '0 ISSUEWILD ";"'],
  });
  assert.deepEqual(await ask('both.example.com', never), { caa: ['0 issue ";"'], alias: GATEWAY });
  assert.deepEqual(await ask('missing.example.com', never), { caa: [] });
  assert.deepEqual(server.asked, [
    `udp ${NAME} CAA`,
    'udp both.example.com CAA',
    'udp missing.example.com CAA',
  ]);
});

const soa = [rr('cluster.net', 'SOA', '')];
const leads = rr(NAME, 'CNAME', 'a.example.net');
const further = rr('a.example.net', 'CNAME', GATEWAY);
interface Telling {
  readonly title: string;
  readonly reply: Parameters<typeof memoryResolver>[0][string];
  /** What is asked of the resolver when the aliases are followed. */
  readonly asked: string[];
  readonly owner: string | undefined;
}
const tellings: Telling[] = [
  {
    title: 'the whole chain and the set',
    reply: { answers: [leads, further, rr(GATEWAY, 'CAA', ISSUE)] },
    asked: [NAME],
    owner: GATEWAY,
  },
  {
    title: 'the chain in any order',
    reply: { answers: [rr(GATEWAY, 'CAA', ISSUE), further, leads] },
    asked: [NAME],
    owner: GATEWAY,
  },
  {
    title: 'the whole chain and that there is no set',
    reply: { answers: [leads, further], authorities: soa },
    asked: [NAME, 'example.com', 'com'],
    owner: undefined,
  },
  {
    title: 'the whole chain and that its end is not there',
    reply: { rcode: 'NXDOMAIN', answers: [leads, further] },
    asked: [NAME, 'example.com', 'com'],
    owner: undefined,
  },
  {
    title: 'a part of the chain',
    reply: { answers: [leads] },
    asked: [NAME, 'a.example.net'],
    owner: 'a.example.net',
  },
  {
    title: 'the chain without its end',
    reply: { answers: [leads, further] },
    asked: [NAME, GATEWAY],
    owner: GATEWAY,
  },
  {
    title: 'a set of somebody else',
    reply: { answers: [rr('www.example.com', 'CAA', OTHER)] },
    asked: [NAME, 'example.com', 'com'],
    owner: undefined,
  },
];
for (const { title, reply, asked, owner } of tellings) {
  test(`of a resolver that tells ${title}, ${asked.join(', ')} is asked`, async () => {
    const memory = memoryResolver({
      [`${NAME} CAA`]: reply ?? {},
      'a.example.net CAA': { answers: [rr('a.example.net', 'CAA', ISSUE)] },
      [`${GATEWAY} CAA`]: { answers: [rr(GATEWAY, 'CAA', ISSUE)] },
    });
    assert.equal((await findRelevantSet(NAME, resolverLookup(memory.resolve), never))?.owner, owner);
    assert.deepEqual(
      memory.asked,
      asked.map((name) => `${name} CAA`),
    );
  });
}

test('a circle in one answer is followed once', async () => {
  const { resolve, asked } = memoryResolver({
    [`${NAME} CAA`]: { answers: [leads, rr('a.example.net', 'CNAME', 'a.example.net')] },
  });
  await assert.rejects(findRelevantSet(NAME, resolverLookup(resolve), never), {
    message: /lead back to a\.example/,
  });
  assert.deepEqual(asked, [`${NAME} CAA`]);
});
