import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import {
  createMemoryProvider,
  type MemoryProvider,
  txtRecord,
} from '../../test/harness/dns/memory-provider.ts';
import type { Change } from '../dns/record.ts';
import { IngressError } from '../errors.ts';
import { notedChallenges, publishChallenges, removeChallenges, sweepChallenges } from './challenges.ts';
import { type ChallengeJournal, createChallengeJournal, type JournalEntry } from './journal.ts';

const NAME = '_acme-challenge.app.example.com';
const ZONE = { id: 'zone-example.com', name: 'example.com' };
const never = new AbortController().signal;
const down = new IngressError('PROVIDER_UNAVAILABLE', 'down');
const DOMAIN = 'app.example.com';
const values = (...all: string[]) => all.map((value) => ({ domain: DOMAIN, name: NAME, value }));

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'challenges-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function desk(options: Parameters<typeof createMemoryProvider>[0] = {}) {
  const provider = createMemoryProvider(options);
  return deskOf(provider, createChallengeJournal(root, DOMAIN, assert.fail));
}

function deskOf(provider: MemoryProvider, journal: ChallengeJournal) {
  return { provider, journal, journalOf: () => journal };
}

const sweep = (provider: MemoryProvider, journal: ChallengeJournal, wanted = values()) =>
  sweepChallenges(deskOf(provider, journal), [DOMAIN], wanted, never);
const noted = async (provider: MemoryProvider, journal: ChallengeJournal) =>
  (await notedChallenges(deskOf(provider, journal), [DOMAIN])).entries;

const entry = (value: string, more: Partial<JournalEntry> = {}): JournalEntry => ({
  ...{ provider: 'memory', zoneId: ZONE.id, zoneName: ZONE.name, name: NAME, value, ttl: 60 },
  ...more,
});

test('values are published in one write, beside what stands at the name, and noted with their handles', async () => {
  const { provider, journal } = desk();
  provider.plant(txtRecord(NAME, 'stranger'));
  const records = await publishChallenges(deskOf(provider, journal), ZONE, values('a', 'b'), [], never);
  assert.deepEqual(records, [txtRecord(NAME, 'a'), txtRecord(NAME, 'b')]);
  assert.deepEqual(provider.standing, [`${NAME} TXT a`, `${NAME} TXT b`, `${NAME} TXT stranger`]);
  assert.equal(provider.applied.length, 1);
  assert.deepEqual(await journal.entries(), [entry('a', { handle: 'r2' }), entry('b', { handle: 'r3' })]);
});

test('other changes of the zone go with the same write, and are nobody of the journal', async () => {
  const { provider, journal } = desk();
  provider.plant(txtRecord('app.example.com', 'old'));
  const [old] = await provider.records(ZONE, ['app.example.com'], never);
  assert.ok(old);
  const others: Change[] = [
    { action: 'replace', record: txtRecord('app.example.com', 'new'), replaced: old },
    { action: 'create', record: txtRecord('app.example.com', 'more') },
  ];
  const records = await publishChallenges(deskOf(provider, journal), ZONE, values('a'), others, never);
  assert.deepEqual(records, [txtRecord(NAME, 'a')]);
  assert.equal(provider.applied.length, 1);
  assert.deepEqual(
    (await journal.entries()).map(({ name, value }) => [name, value]),
    [[NAME, 'a']],
  );
});

test('the TTL is the one that the provider will answer, in the zone, the journal and the expectation', async () => {
  const { provider, journal } = desk({ capabilities: { normalizeTtl: (seconds) => Math.max(seconds, 300) } });
  const [record] = await publishChallenges(deskOf(provider, journal), ZONE, values('a'), [], never);
  assert.equal(record?.ttl, 300);
  assert.deepEqual(
    (await journal.entries()).map(({ ttl }) => ttl),
    [300],
  );
});

test('a value is in the journal before it is in the zone', async () => {
  const { provider, journal } = desk();
  let noted: readonly JournalEntry[] = [];
  provider.before = async () => {
    noted = await journal.entries();
  };
  await publishChallenges(deskOf(provider, journal), ZONE, values('a', 'b'), [], never);
  assert.deepEqual(noted, [entry('a'), entry('b')]);
});

test('a journal that cannot be written keeps the zone as it was', async () => {
  const { provider, journal } = desk();
  const full = { ...journal, write: () => Promise.reject(new IngressError('STORE_FAILED', 'full')) };
  const publishing = publishChallenges(deskOf(provider, full), ZONE, values('a'), [], never);
  await assert.rejects(publishing, { code: 'STORE_FAILED' });
  assert.deepEqual(provider.calls, []);
});

for (const done of [0, 1, 2]) {
  test(`a publication that fails after ${done} of 2 values leaves nothing that a sweep does not remove`, async () => {
    const { provider, journal } = desk();
    provider.plant(txtRecord(NAME, 'stranger'));
    provider.breakAfter(done, down);
    await assert.rejects(
      publishChallenges(deskOf(provider, journal), ZONE, values('a', 'b'), [], never),
      down,
    );
    assert.equal(provider.standing.length, done + 1);
    assert.equal((await sweep(provider, journal)).removed.length, 2);
    assert.deepEqual(provider.standing, [`${NAME} TXT stranger`]);
    assert.deepEqual(await journal.entries(), []);
  });
}

test('a removal takes exactly its own values, in one write, and crosses them out', async () => {
  const { provider, journal } = desk();
  for (const value of ['stranger', 'A']) provider.plant(txtRecord(NAME, value));
  provider.plant(txtRecord('_acme-challenge.www.example.com', 'a'));
  await publishChallenges(deskOf(provider, journal), ZONE, values('a', 'b', 'c'), [], never);
  const some = (await noted(provider, journal)).filter(({ value }) => value !== 'c');
  await removeChallenges(deskOf(provider, journal), some, never);
  assert.deepEqual(provider.standing, [
    `${NAME} TXT A`,
    `${NAME} TXT c`,
    `${NAME} TXT stranger`,
    '_acme-challenge.www.example.com TXT a',
  ]);
  assert.deepEqual(
    (await journal.entries()).map(({ value }) => value),
    ['c'],
  );
  assert.equal(provider.applied.length, 2);
});

test('an entry without a handle is removed by name and value', async () => {
  const { provider, journal } = desk();
  for (const value of ['stranger', 'a']) provider.plant(txtRecord(NAME, value));
  await journal.write([entry('a')]);
  await sweep(provider, journal);
  assert.deepEqual(provider.standing, [`${NAME} TXT stranger`]);
});

test('values that are gone already are crossed out', async () => {
  const { provider, journal } = desk();
  await journal.write([entry('a'), entry('b', { handle: 'r77' })]);
  assert.equal((await sweep(provider, journal)).removed.length, 2);
  assert.deepEqual(await journal.entries(), []);
});

test('nothing is crossed out before it is removed', async () => {
  const { provider, journal } = desk();
  await publishChallenges(deskOf(provider, journal), ZONE, values('a', 'b'), [], never);
  provider.breakAfter(1, down);
  await assert.rejects(sweep(provider, journal), down);
  assert.equal((await journal.entries()).length, 2);
  await sweep(provider, journal);
  assert.deepEqual(provider.standing, []);
});

test('each zone has a write of its own, and what was done before a failure is crossed out', async () => {
  const { provider, journal } = desk({ zones: ['example.com', 'example.org'] });
  const other = { zoneId: 'zone-example.org', zoneName: 'example.org', name: '_acme-challenge.example.org' };
  await journal.write([entry('a'), entry('b', other), entry('c')]);
  provider.before = () => {
    if (provider.applied.length === 2) throw down;
  };
  await assert.rejects(sweep(provider, journal), down);
  assert.deepEqual(provider.applied, [
    [`remove ${NAME} TXT a`, `remove ${NAME} TXT c`],
    ['remove _acme-challenge.example.org TXT b'],
  ]);
  assert.deepEqual(await journal.entries(), [entry('b', other)]);
});

test('a sweep leaves the entries of another provider to that provider', async () => {
  const { provider, journal } = desk();
  await journal.write([entry('a'), entry('b', { provider: 'other' })]);
  assert.deepEqual((await sweep(provider, journal)).removed, [{ ...entry('a'), domain: DOMAIN }]);
  assert.deepEqual(provider.applied, [[`remove ${NAME} TXT a`]]);
  assert.deepEqual(await journal.entries(), [entry('b', { provider: 'other' })]);
});

test('with nothing to sweep nobody is asked', async () => {
  const { provider, journal } = desk();
  await journal.write([entry('b', { provider: 'other' })]);
  assert.deepEqual(await sweep(provider, journal), { removed: [], abandoned: [], unread: new Map() });
  assert.deepEqual(provider.calls, []);
});

test('a zone whose name may not be read is swept by its id', async () => {
  const { provider, journal } = desk({ tellsZoneNames: false });
  const zone = await provider.zone(NAME, never);
  await publishChallenges(deskOf(provider, journal), zone, values('a'), [], never);
  await sweep(provider, createChallengeJournal(root, DOMAIN, assert.fail));
  assert.deepEqual(provider.standing, []);
});

test('a record is removed by the handle that the provider gave it', async () => {
  const { provider, journal } = desk();
  await publishChallenges(deskOf(provider, journal), ZONE, values('a'), [], never);
  let handles: unknown[] = [];
  provider.before = (_, changes) => {
    handles = changes.map((change) => change.action === 'remove' && change.removed.handle);
  };
  await removeChallenges(deskOf(provider, journal), await noted(provider, journal), never);
  assert.deepEqual(handles, ['r1']);
});

test('a value whose publishing was never answered stays noted until a sweep: it may land after its removal', async () => {
  const { provider, journal } = desk();
  provider.breakAfter(0, down);
  await assert.rejects(publishChallenges(deskOf(provider, journal), ZONE, values('late'), [], never), down);
  await removeChallenges(deskOf(provider, journal), await noted(provider, journal), never);
  provider.plant(txtRecord(NAME, 'late'));
  await sweep(provider, journal);
  assert.deepEqual(provider.standing, []);
  assert.deepEqual(await journal.entries(), []);
});

test('a sweep leaves what an open order wants again', async () => {
  const { provider, journal } = desk();
  await publishChallenges(deskOf(provider, journal), ZONE, values('a', 'b'), [], never);
  await sweep(provider, journal, values('b'));
  assert.deepEqual(provider.standing, [`${NAME} TXT b`]);
  assert.deepEqual(
    (await journal.entries()).map(({ value }) => value),
    ['b'],
  );
});

test('values of several names are one write, and each is noted in the journal of its name', async () => {
  const { provider } = desk();
  const journals = new Map([DOMAIN, 'www.example.com'].map((domain) => [domain, journalAt(domain)]));
  const several = { provider, journalOf: (domain: string) => journals.get(domain) ?? assert.fail(domain) };
  const other = { domain: 'www.example.com', name: '_acme-challenge.www.example.com', value: 'w' };
  await publishChallenges(several, ZONE, [...values('a'), other], [], never);
  assert.equal(provider.applied.length, 1);
  const { entries: found } = await notedChallenges(several, [...journals.keys()]);
  assert.deepEqual(
    found.map(({ domain, value, handle }) => [domain, value, handle]),
    [
      [DOMAIN, 'a', 'r1'],
      ['www.example.com', 'w', 'r2'],
    ],
  );
  await removeChallenges(several, found, never);
  assert.equal(provider.applied.length, 2);
  assert.deepEqual((await notedChallenges(several, [...journals.keys()])).entries, []);
});

function journalAt(domain: string) {
  return createChallengeJournal(root, domain, assert.fail);
}
