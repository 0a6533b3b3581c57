import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alias, askTable, GATEWAY, ISSUE, NAME, OTHER, set } from '../../../test/harness/dns/caa-table.ts';
import { memoryResolver, rr } from '../../../test/harness/dns/resolver.ts';
import type { Change, CurrentRecord } from '../record.ts';
import {
  type CaaAnswer,
  findRelevantSet,
  overlay,
  type PlannedNames,
  resolverLookup,
} from './relevant-set.ts';

const never = new AbortController().signal;

const live = (type: string, value: string, more: Partial<CurrentRecord> = {}): CurrentRecord => ({
  ...{ name: NAME, type, value, ttl: 60 },
  ...more,
});
const create = (record: CurrentRecord): Change => ({ action: 'create', record });
const remove = (removed: CurrentRecord): Change => ({ action: 'remove', removed });
const replace = (replaced: CurrentRecord, record: CurrentRecord): Change => ({
  action: 'replace',
  record,
  replaced,
});
const proxied = { overriddenBy: 'the proxy' };
const ELSEWHERE: CaaAnswer = { caa: ['0 issue "asked.example"'] };

interface Overlaid {
  readonly title: string;
  readonly planned: Partial<PlannedNames>;
  readonly answer: CaaAnswer;
  readonly name?: string;
}
const overlaid: Overlaid[] = [
  { title: 'what stands', planned: { current: [live('CAA', ISSUE)] }, answer: set(ISSUE) },
  {
    title: 'what will be created',
    planned: { changes: [create(live('CAA', ISSUE)), create(live('CNAME', GATEWAY))] },
    answer: alias(GATEWAY, ISSUE),
  },
  {
    title: 'what stands and will be created',
    planned: { current: [live('CAA', OTHER)], changes: [create(live('CAA', ISSUE))] },
    answer: set(OTHER, ISSUE),
  },
  {
    title: 'what will be created at a name that was not read',
    planned: { names: [], changes: [create(live('CAA', ISSUE))] },
    answer: set(ISSUE),
  },
  {
    title: 'nothing of what will be removed',
    planned: { current: [live('CAA', OTHER), live('CAA', ISSUE)], changes: [remove(live('CAA', OTHER))] },
    answer: set(ISSUE),
  },
  {
    title: 'nothing where the last record will be removed',
    planned: { names: [], changes: [remove(live('CAA', OTHER))] },
    answer: set(),
  },
  {
    title: 'the record in the place of another',
    planned: {
      current: [live('CAA', OTHER), live('CNAME', 'old.example.net')],
      changes: [replace(live('CAA', OTHER), live('CAA', ISSUE))],
    },
    answer: alias('old.example.net', ISSUE),
  },
  {
    title: 'a record whose TTL alone changes',
    planned: {
      current: [live('CAA', ISSUE)],
      changes: [replace(live('CAA', ISSUE), live('CAA', ISSUE, { ttl: 300 }))],
    },
    answer: set(ISSUE),
  },
  {
    title: 'the addresses in the place of an alias',
    planned: {
      current: [live('CNAME', GATEWAY)],
      changes: [remove(live('CNAME', GATEWAY)), create(live('A', '192.0.2.1'))],
    },
    answer: set(),
  },
  { title: 'nothing where nothing stands', planned: {}, answer: set() },
  {
    title: 'nothing of other types and names',
    planned: { current: [live('TXT', ISSUE), live('CAA', OTHER, { name: 'www.example.com' })] },
    answer: set(),
  },
  {
    title: "no alias at the zone's apex",
    planned: { apex: NAME, current: [live('CNAME', GATEWAY), live('CAA', ISSUE)] },
    answer: set(ISSUE),
  },
  {
    title: 'an alias below the apex',
    planned: { apex: 'example.com', current: [live('CNAME', GATEWAY)] },
    answer: alias(GATEWAY),
  },
];
for (const { title, planned, answer } of overlaid) {
  test(`the plan answers ${title}, and nobody is asked`, async () => {
    const memory = askTable({ [NAME]: ELSEWHERE });
    const ask = overlay(memory.ask, { names: [NAME], current: [], changes: [], ...planned });
    assert.deepEqual(await ask(NAME, never), answer);
    assert.deepEqual(memory.asked, []);
  });
}

const askedOn: Overlaid[] = [
  {
    title: 'of names that are not known',
    name: 'www.example.com',
    planned: { current: [live('CAA', ISSUE)] },
    answer: ELSEWHERE,
  },
  {
    title: 'of a name where the provider answers by itself',
    planned: { current: [live('CAA', ISSUE), live('A', '192.0.2.1', proxied)] },
    answer: ELSEWHERE,
  },
];
for (const { title, name = NAME, planned, answer } of askedOn) {
  test(`the plan asks on ${title}`, async () => {
    const memory = askTable({ [name]: ELSEWHERE });
    const ask = overlay(memory.ask, { names: [NAME], current: [], changes: [], ...planned });
    assert.deepEqual(await ask(name, never), answer);
    assert.deepEqual(memory.asked, [name]);
  });
}

test('the plan answers where a record gives way that the provider has answered for', async () => {
  const old = live('A', '192.0.2.1', proxied);
  const memory = askTable({ [NAME]: ELSEWHERE });
  const changes = [replace(old, live('CNAME', GATEWAY))];
  const ask = overlay(memory.ask, { names: [NAME], current: [old], changes });
  assert.deepEqual(await ask(NAME, never), alias(GATEWAY));
  assert.deepEqual(memory.asked, []);
});

test('the signal reaches whoever is asked', async () => {
  const abort = new AbortController();
  abort.abort(new Error('stopped'));
  const ask = overlay(resolverLookup(memoryResolver({}).resolve), { names: [], current: [], changes: [] });
  await assert.rejects(findRelevantSet(NAME, ask, abort.signal), { message: 'stopped' });
});

test('an alias that is about to be published is followed, and its name never asked for', async () => {
  const { resolve, asked } = memoryResolver({ [`${GATEWAY} CAA`]: { answers: [rr(GATEWAY, 'CAA', ISSUE)] } });
  const changes = [create(live('CNAME', GATEWAY))];
  const ask = overlay(resolverLookup(resolve), { names: [NAME], current: [], changes });
  assert.equal((await findRelevantSet(NAME, ask, never))?.owner, GATEWAY);
  assert.deepEqual(asked, [`${GATEWAY} CAA`]);
});

test('a target of our zone is answered by the plan, not by what a resolver has told of it', async () => {
  const from = 'front.example.net';
  const { resolve } = memoryResolver({
    [`${from} CAA`]: { answers: [rr(from, 'CNAME', NAME), rr(NAME, 'CAA', OTHER)] },
  });
  const changes = [replace(live('CAA', OTHER), live('CAA', ISSUE))];
  const ask = overlay(resolverLookup(resolve), { names: [NAME], current: [live('CAA', OTHER)], changes });
  assert.deepEqual((await findRelevantSet(from, ask, never))?.values, [ISSUE]);
});
