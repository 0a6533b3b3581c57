import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import {
  createMemoryProvider,
  type MemoryProvider,
  txtRecord,
} from '../../test/harness/dns/memory-provider.ts';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { temporaryDirectory } from '../../test/harness/temporary-directory.ts';
import type { Zone } from '../dns/provider.ts';
import { IngressError } from '../errors.ts';
import type { IngressEvent } from '../events.ts';
import type { JournalEntry } from '../records/challenges.ts';
import { type ChallengeJournal, createChallengeJournal, journalledChallenges } from '../records/journal.ts';
import type { ZoneState } from '../records/zone-plan.ts';
import { removeChallenges, type ZoneWants, type ZoneWrite } from './apply.ts';
import { type Deps, emptySharedState, type Spec } from './deps.ts';
import type { Facts } from './discover.ts';
import { applyZone } from './group.ts';

const NAME = '_acme-challenge.app.example.com';
const ZONE = { id: 'zone-example.com', name: 'example.com' };
const never = new AbortController().signal;
const down = new IngressError('PROVIDER_UNAVAILABLE', 'down');
const DOMAIN = 'app.example.com';
const values = (...all: string[]) =>
  all.map((value) => ({ domain: DOMAIN, name: NAME, value, isRenewal: false }));
/** The desired records are unknown: only challenges are written. */
const facts = { records: undefined } as Facts;
const NOTHING: ZoneWants = { facts, publish: [], retain: [] };

let root = '';
beforeEach(() => {
  root = temporaryDirectory();
});

interface TestDeps extends Deps {
  readonly journal: ChallengeJournal;
  readonly events: readonly IngressEvent[];
}

function setUp(options: Parameters<typeof createMemoryProvider>[0] = {}) {
  const provider = createMemoryProvider(options);
  const journal = createChallengeJournal(root, DOMAIN, assert.fail);
  return { provider, journal, deps: depsOf(provider, () => journal) };
}

function depsOf(provider: MemoryProvider, journalOf: Deps['journalOf']): TestDeps {
  const events: IngressEvent[] = [];
  const spec = { addressMode: 'claim', txtPrefix: '_dstack-app-address' } as Spec;
  const own = { provider, journalOf, clock: createFakeClock(), spec, shared: emptySharedState() };
  const outputs = { emit: (event: IngressEvent) => void events.push(event), warn: () => undefined };
  // Nothing else is used while the desired records are unknown.
  return { ...own, ...outputs, events } as unknown as TestDeps;
}

/** Writes a zone with these challenges, and prunes the journalled ones that are not retained. */
async function write(
  deps: Deps,
  publish = values(),
  {
    zone = ZONE,
    retain = values(),
    prune = true,
  }: Partial<{ zone: Zone; retain: ReturnType<typeof values>; prune: boolean }> = {},
): Promise<ZoneWrite[]> {
  const journalled = prune ? await journalledChallenges(deps, DOMAIN) : [];
  const zones = new Map<string, ZoneState>();
  if (publish.length > 0) zones.set(zone.id, { zone, names: [], current: undefined, journalled: [] });
  for (const [id, own] of Map.groupBy(journalled, ({ zoneId }) => zoneId))
    zones.set(id, { zone: { id, name: own[0]?.zoneName }, names: [], current: undefined, journalled: own });
  const writes: ZoneWrite[] = [];
  for (const state of zones.values())
    writes.push(
      await applyZone(
        deps,
        state,
        { facts, publish: state.zone.id === zone.id ? publish : [], retain },
        never,
      ),
    );
  return writes;
}

/** Publishes challenges; rejects with the failure of the first. */
async function publishing(deps: Deps, publish: ReturnType<typeof values>, zone: Zone = ZONE) {
  const [done] = await write(deps, publish, { zone, prune: false });
  const failed = done?.challenges.find(({ record }) => record === undefined);
  if (failed) throw failed.failure;
  return done?.challenges.map(({ record }) => record) ?? [];
}

/** Prunes journalled challenges; rejects with the first failure of a zone. */
async function prune(deps: Deps, retain = values()): Promise<void> {
  const failures = (await write(deps, values(), { retain })).map(({ pruneFailure }) => pruneFailure);
  for (const failure of failures) if (failure !== undefined) throw failure;
}

const entry = (value: string, more: Partial<JournalEntry> = {}): JournalEntry => ({
  ...{ provider: 'memory', zoneId: ZONE.id, zoneName: ZONE.name, name: NAME, value, ttl: 60 },
  ...more,
});

test('values are published in one write beside the other values of the name, and journalled with their handles', async () => {
  const { provider, journal, deps } = setUp();
  provider.plant(txtRecord(NAME, 'foreign'));
  const records = await publishing(deps, values('a', 'b'));
  assert.deepEqual(records, [txtRecord(NAME, 'a'), txtRecord(NAME, 'b')]);
  assert.deepEqual(provider.current, [`${NAME} TXT a`, `${NAME} TXT b`, `${NAME} TXT foreign`]);
  assert.equal(provider.applied.length, 1);
  assert.deepEqual(await journal.entries(), [entry('a', { handle: 'r2' }), entry('b', { handle: 'r3' })]);
});

test('the TTL in the zone, the journal and the expectation is the one that the provider answers with', async () => {
  const { journal, deps } = setUp({ capabilities: { normalizeTtl: (seconds) => Math.max(seconds, 300) } });
  const [record] = await publishing(deps, values('a'));
  assert.equal(record?.ttl, 300);
  assert.deepEqual(
    (await journal.entries()).map(({ ttl }) => ttl),
    [300],
  );
});

test('a value is journalled before it is published', async () => {
  const { provider, journal, deps } = setUp();
  let journalled: readonly JournalEntry[] = [];
  provider.before = async () => {
    journalled = await journal.entries();
  };
  await publishing(deps, values('a', 'b'));
  assert.deepEqual(journalled, [entry('a'), entry('b')]);
});

test('a journal that cannot be written leaves the zone as it was', async () => {
  const { provider, journal } = setUp();
  const full = { ...journal, write: () => Promise.reject(new IngressError('STORE_FAILED', 'full')) };
  const deps = depsOf(provider, () => full);
  await assert.rejects(publishing(deps, values('a')), { code: 'STORE_FAILED' });
  assert.deepEqual(provider.calls, []);
});

for (const done of [0, 1, 2]) {
  test(`a publication that fails after ${done} of 2 values leaves only what the next run prunes`, async () => {
    const { provider, journal, deps } = setUp();
    provider.plant(txtRecord(NAME, 'foreign'));
    provider.breakAfter(done, down);
    await assert.rejects(publishing(deps, values('a', 'b')), down);
    assert.equal(provider.current.length, done + 1);
    await prune(deps);
    assert.deepEqual(provider.current, [`${NAME} TXT foreign`]);
    assert.deepEqual(await journal.entries(), []);
  });
}

test('a removal removes exactly the given values, in one write, and removes them from the journal', async () => {
  const { provider, journal, deps } = setUp();
  for (const value of ['foreign', 'A']) provider.plant(txtRecord(NAME, value));
  provider.plant(txtRecord('_acme-challenge.www.example.com', 'a'));
  await publishing(deps, values('a', 'b', 'c'));
  const some = (await journalledChallenges(deps, DOMAIN)).filter(({ value }) => value !== 'c');
  await removeChallenges(deps, { zone: ZONE }, some, never);
  assert.deepEqual(provider.current, [
    `${NAME} TXT A`,
    `${NAME} TXT c`,
    `${NAME} TXT foreign`,
    '_acme-challenge.www.example.com TXT a',
  ]);
  assert.deepEqual(
    (await journal.entries()).map(({ value }) => value),
    ['c'],
  );
  assert.equal(provider.applied.length, 2);
});

test('a journalled value without a handle is removed by name and value', async () => {
  const { provider, journal, deps } = setUp();
  for (const value of ['foreign', 'a']) provider.plant(txtRecord(NAME, value));
  await journal.write([entry('a')]);
  await prune(deps);
  assert.deepEqual(provider.current, [`${NAME} TXT foreign`]);
});

test('values that are gone already are removed from the journal', async () => {
  const { journal, deps } = setUp();
  await journal.write([entry('a'), entry('b', { handle: 'r77' })]);
  await prune(deps);
  assert.deepEqual(await journal.entries(), []);
});

test('a value that is gone from the zone needs no write', async () => {
  const { provider, journal, deps } = setUp();
  await journal.write([entry('a', { handle: 'r77' })]);
  provider.plant(txtRecord(NAME, 'foreign'));
  const journalled = await journalledChallenges(deps, DOMAIN);
  const current = await provider.records(ZONE, [NAME], never);
  await applyZone(deps, { zone: ZONE, names: [], current, journalled }, NOTHING, never);
  assert.deepEqual(provider.applied, []);
  assert.deepEqual(await journal.entries(), []);
});

test('the value of a resumed order that is still published is journalled with its handle, and not written again', async () => {
  const { provider, journal, deps } = setUp();
  provider.plant(txtRecord(NAME, 'a'));
  const current = await provider.records(ZONE, [NAME], never);
  const wants = { ...NOTHING, publish: values('a') };
  const { challenges } = await applyZone(
    deps,
    { zone: ZONE, names: [], current, journalled: [] },
    wants,
    never,
  );
  assert.deepEqual(
    challenges.map(({ record }) => record),
    [txtRecord(NAME, 'a')],
  );
  assert.deepEqual(provider.applied, []);
  assert.deepEqual(await journal.entries(), [entry('a', { handle: 'r1' })]);
});

test('a value is removed from the journal only after it was removed', async () => {
  const { provider, journal, deps } = setUp();
  await publishing(deps, values('a', 'b'));
  provider.breakAfter(1, down);
  await assert.rejects(prune(deps), down);
  assert.equal((await journal.entries()).length, 2);
  await prune(deps);
  assert.deepEqual(provider.current, []);
});

test('a removal that fails leaves its values journalled', async () => {
  const { provider, journal, deps } = setUp();
  await publishing(deps, values('a'));
  const journalled = await journalledChallenges(deps, DOMAIN);
  provider.breakAfter(0, down);
  await assert.rejects(removeChallenges(deps, { zone: ZONE }, journalled, never), down);
  assert.equal((await journal.entries()).length, 1);
});

test('each zone has a write of its own, and one that fails does not stop the others', async () => {
  const { provider, journal, deps } = setUp({ zones: ['example.com', 'example.org'] });
  const other = { zoneId: 'zone-example.org', zoneName: 'example.org', name: '_acme-challenge.example.org' };
  await journal.write([entry('b', other), entry('a'), entry('c')]);
  provider.before = () => {
    if (provider.applied.length === 1) throw down;
  };
  await assert.rejects(prune(deps), down);
  assert.deepEqual(provider.applied, [
    ['remove _acme-challenge.example.org TXT b'],
    [`remove ${NAME} TXT a`, `remove ${NAME} TXT c`],
  ]);
  assert.deepEqual(await journal.entries(), [entry('b', other)]);
});

test('values of another provider stay in the journal for that provider', async () => {
  const { provider, journal, deps } = setUp();
  await journal.write([entry('a'), entry('b', { provider: 'other' })]);
  await prune(deps);
  assert.deepEqual(provider.applied, [[`remove ${NAME} TXT a`]]);
  assert.deepEqual(await journal.entries(), [entry('b', { provider: 'other' })]);
});

test('values of a zone that the account no longer has are given up, with an event', async () => {
  const { provider, journal, deps } = setUp();
  await journal.write([entry('a', { handle: 'r1' })]);
  provider.dropZone('example.com');
  await prune(deps);
  assert.deepEqual(deps.events, [{ type: 'challenge-abandoned', name: NAME, zone: 'example.com' }]);
  assert.deepEqual(await journal.entries(), []);
});

test('a zone whose name may not be read is pruned by its id', async () => {
  const { provider, deps } = setUp({ tellsZoneNames: false });
  await publishing(deps, values('a'), await provider.zone(NAME, never));
  await prune(deps);
  assert.deepEqual(provider.current, []);
});

test('a record is removed by the handle that the provider gave it', async () => {
  const { provider, deps } = setUp();
  await publishing(deps, values('a'));
  let handles: unknown[] = [];
  provider.before = (_, changes) => {
    handles = changes.map((change) => change.action === 'remove' && change.removed.handle);
  };
  await removeChallenges(deps, { zone: ZONE }, await journalledChallenges(deps, DOMAIN), never);
  assert.deepEqual(handles, ['r1']);
});

test('a value whose write was never answered stays in the journal for a later run: it may be published after its removal', async () => {
  const { provider, journal, deps } = setUp();
  provider.breakAfter(0, down);
  await assert.rejects(publishing(deps, values('late')), down);
  await removeChallenges(deps, { zone: ZONE }, await journalledChallenges(deps, DOMAIN), never);
  provider.plant(txtRecord(NAME, 'late'));
  await prune(deps);
  assert.deepEqual(provider.current, []);
  assert.deepEqual(await journal.entries(), []);
});

test('the challenges of open orders are not pruned', async () => {
  const { provider, journal, deps } = setUp();
  await publishing(deps, values('a', 'b'));
  await prune(deps, values('b'));
  assert.deepEqual(provider.current, [`${NAME} TXT b`]);
  assert.deepEqual(
    (await journal.entries()).map(({ value }) => value),
    ['b'],
  );
});

test('values of several names are one write, and each is in the journal of its name', async () => {
  const { provider } = setUp();
  const journals = new Map([DOMAIN, 'www.example.com'].map((domain) => [domain, journalAt(domain)]));
  const deps = depsOf(provider, (domain) => journals.get(domain) ?? assert.fail(domain));
  const other = { name: '_acme-challenge.www.example.com', value: 'w', isRenewal: false };
  await publishing(deps, [...values('a'), { domain: 'www.example.com', ...other }]);
  assert.equal(provider.applied.length, 1);
  const found = async () =>
    (await Promise.all([...journals.keys()].map((domain) => journalledChallenges(deps, domain)))).flat();
  assert.deepEqual(
    (await found()).map(({ domain, value, handle }) => [domain, value, handle]),
    [
      [DOMAIN, 'a', 'r1'],
      ['www.example.com', 'w', 'r2'],
    ],
  );
  await removeChallenges(deps, { zone: ZONE }, await found(), never);
  assert.equal(provider.applied.length, 2);
  assert.deepEqual(await found(), []);
});

function journalAt(domain: string) {
  return createChallengeJournal(root, domain, assert.fail);
}
