import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alias, caaTable, GATEWAY, ISSUE, NAME, OTHER, set } from '../../../test/harness/dns/caa-table.ts';
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

const currentRecord = (type: string, value: string, more: Partial<CurrentRecord> = {}): CurrentRecord => ({
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
const LOOKED_UP: CaaAnswer = { caa: ['0 issue "asked.example"'] };

interface Overlaid {
  readonly title: string;
  readonly planned: Partial<PlannedNames>;
  readonly answer: CaaAnswer;
  readonly name?: string;
}
const overlaid: Overlaid[] = [
  { title: 'the current records', planned: { current: [currentRecord('CAA', ISSUE)] }, answer: set(ISSUE) },
  {
    title: 'created records',
    planned: { changes: [create(currentRecord('CAA', ISSUE)), create(currentRecord('CNAME', GATEWAY))] },
    answer: alias(GATEWAY, ISSUE),
  },
  {
    title: 'current and created records',
    planned: { current: [currentRecord('CAA', OTHER)], changes: [create(currentRecord('CAA', ISSUE))] },
    answer: set(OTHER, ISSUE),
  },
  {
    title: 'created records at a name that was not read',
    planned: { names: [], changes: [create(currentRecord('CAA', ISSUE))] },
    answer: set(ISSUE),
  },
  {
    title: 'the records without removed ones',
    planned: {
      current: [currentRecord('CAA', OTHER), currentRecord('CAA', ISSUE)],
      changes: [remove(currentRecord('CAA', OTHER))],
    },
    answer: set(ISSUE),
  },
  {
    title: 'nothing if the last record is removed',
    planned: { names: [], changes: [remove(currentRecord('CAA', OTHER))] },
    answer: set(),
  },
  {
    title: 'a record that replaces another',
    planned: {
      current: [currentRecord('CAA', OTHER), currentRecord('CNAME', 'old.example.net')],
      changes: [replace(currentRecord('CAA', OTHER), currentRecord('CAA', ISSUE))],
    },
    answer: alias('old.example.net', ISSUE),
  },
  {
    title: 'a record of which only the TTL changes',
    planned: {
      current: [currentRecord('CAA', ISSUE)],
      changes: [replace(currentRecord('CAA', ISSUE), currentRecord('CAA', ISSUE, { ttl: 300 }))],
    },
    answer: set(ISSUE),
  },
  {
    title: 'nothing if addresses replace a CNAME',
    planned: {
      current: [currentRecord('CNAME', GATEWAY)],
      changes: [remove(currentRecord('CNAME', GATEWAY)), create(currentRecord('A', '192.0.2.1'))],
    },
    answer: set(),
  },
  { title: 'nothing for a name without records', planned: {}, answer: set() },
  {
    title: 'no records of other types and names',
    planned: {
      current: [currentRecord('TXT', ISSUE), currentRecord('CAA', OTHER, { name: 'www.example.com' })],
    },
    answer: set(),
  },
  {
    title: "no CNAME at the zone's apex",
    planned: { apex: NAME, current: [currentRecord('CNAME', GATEWAY), currentRecord('CAA', ISSUE)] },
    answer: set(ISSUE),
  },
  {
    title: 'a CNAME below the apex',
    planned: { apex: 'example.com', current: [currentRecord('CNAME', GATEWAY)] },
    answer: alias(GATEWAY),
  },
];
for (const { title, planned, answer } of overlaid) {
  test(`the plan answers with ${title}, without a lookup`, async () => {
    const memory = caaTable({ [NAME]: LOOKED_UP });
    const lookUp = overlay(memory.lookUp, { names: [NAME], current: [], changes: [], ...planned });
    assert.deepEqual(await lookUp(NAME, never), answer);
    assert.deepEqual(memory.queries, []);
  });
}

const lookedUp: Overlaid[] = [
  {
    title: 'a name that is not known',
    name: 'www.example.com',
    planned: { current: [currentRecord('CAA', ISSUE)] },
    answer: LOOKED_UP,
  },
  {
    title: 'a name whose record the provider overrides',
    planned: { current: [currentRecord('CAA', ISSUE), currentRecord('A', '192.0.2.1', proxied)] },
    answer: LOOKED_UP,
  },
];
for (const { title, name = NAME, planned, answer } of lookedUp) {
  test(`${title} is looked up`, async () => {
    const memory = caaTable({ [name]: LOOKED_UP });
    const lookUp = overlay(memory.lookUp, { names: [NAME], current: [], changes: [], ...planned });
    assert.deepEqual(await lookUp(name, never), answer);
    assert.deepEqual(memory.queries, [name]);
  });
}

test('the plan answers if the overridden record is replaced', async () => {
  const old = currentRecord('A', '192.0.2.1', proxied);
  const memory = caaTable({ [NAME]: LOOKED_UP });
  const changes = [replace(old, currentRecord('CNAME', GATEWAY))];
  const lookUp = overlay(memory.lookUp, { names: [NAME], current: [old], changes });
  assert.deepEqual(await lookUp(NAME, never), alias(GATEWAY));
  assert.deepEqual(memory.queries, []);
});

test('the signal reaches the lookup', async () => {
  const abort = new AbortController();
  abort.abort(new Error('stopped'));
  const lookUp = overlay(resolverLookup(memoryResolver({}).resolve), { names: [], current: [], changes: [] });
  await assert.rejects(findRelevantSet(NAME, lookUp, abort.signal), { message: 'stopped' });
});

test('a CNAME that is about to be published is followed, and its name is not queried', async () => {
  const { resolve, queries } = memoryResolver({
    [`${GATEWAY} CAA`]: { answers: [rr(GATEWAY, 'CAA', ISSUE)] },
  });
  const changes = [create(currentRecord('CNAME', GATEWAY))];
  const lookUp = overlay(resolverLookup(resolve), { names: [NAME], current: [], changes });
  assert.equal((await findRelevantSet(NAME, lookUp, never))?.owner, GATEWAY);
  assert.deepEqual(queries, [`${GATEWAY} CAA`]);
});

test('the plan answers for an alias target in our zone, whatever a resolver has returned for it', async () => {
  const from = 'front.example.net';
  const { resolve } = memoryResolver({
    [`${from} CAA`]: { answers: [rr(from, 'CNAME', NAME), rr(NAME, 'CAA', OTHER)] },
  });
  const changes = [replace(currentRecord('CAA', OTHER), currentRecord('CAA', ISSUE))];
  const lookUp = overlay(resolverLookup(resolve), {
    names: [NAME],
    current: [currentRecord('CAA', OTHER)],
    changes,
  });
  assert.deepEqual((await findRelevantSet(from, lookUp, never))?.values, [ISSUE]);
});
