import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryProvider, txtRecord } from '../../test/harness/dns/memory-provider.ts';
import { type CurrentRecord, describeRecord } from '../dns/record.ts';
import { IngressError } from '../errors.ts';
import type { DesiredRecord } from './desired.ts';
import { reconcileZone } from './reconcile-zone.ts';

const NAME = '_dstack-app-address.app.example.com';
const zone = { id: 'zone-example.com', name: 'example.com' };
const never = new AbortController().signal;
const desired: DesiredRecord[] = [{ ...txtRecord(NAME, 'new'), purpose: 'app-address' }];
const conflict = () => new IngressError('PROVIDER_CONFLICT', 'somebody was faster');
const reconcile = (provider: ReturnType<typeof createMemoryProvider>) =>
  reconcileZone(provider, { zone, names: [NAME], desire: () => desired }, never);

test('what is lacking is written in one call, and what was there is told', async () => {
  const provider = createMemoryProvider();
  provider.plant(txtRecord(NAME, 'old'));
  const { changes, live } = await reconcile(provider);
  assert.deepEqual(live.map(describeRecord), [`${NAME} TXT old`]);
  assert.equal(changes.length, 1);
  assert.deepEqual(provider.standing, [`${NAME} TXT new`]);
  assert.deepEqual(provider.calls, ['records', 'apply']);
});

test('a second time costs one read and writes nothing', async () => {
  const provider = createMemoryProvider();
  await reconcile(provider);
  const { changes } = await reconcile(provider);
  assert.deepEqual(changes, []);
  assert.deepEqual(provider.calls, ['records', 'apply', 'records']);
});

test('a zone that changed meanwhile is read and planned again', async () => {
  const provider = createMemoryProvider();
  provider.plant(txtRecord(NAME, 'old'));
  let meddled = false;
  provider.before = (verb) => {
    if (verb !== 'apply' || meddled) return;
    meddled = true;
    provider.plant(txtRecord(NAME, 'stranger'));
    throw conflict();
  };
  const { live } = await reconcile(provider);
  assert.equal(live.length, 2, 'as it was when the plan was made that was carried out');
  assert.deepEqual(provider.standing, [`${NAME} TXT new`]);
  assert.deepEqual(provider.calls, ['records', 'apply', 'records', 'apply']);
});

const giving: [title: string, error: () => IngressError, applies: number][] = [
  ['a conflict that lasts', conflict, 3],
  ['another failure', () => new IngressError('PROVIDER_UNAVAILABLE', 'down'), 1],
];
for (const [title, error, applies] of giving) {
  test(`${title} is thrown after ${applies} writes`, async () => {
    const provider = createMemoryProvider();
    const thrown = error();
    provider.before = (verb) => {
      if (verb === 'apply') throw thrown;
    };
    await assert.rejects(reconcile(provider), thrown);
    assert.equal(provider.applied.length, applies);
  });
}

test('a conflict when reading is no reason to read again', async () => {
  const provider = createMemoryProvider();
  provider.before = () => {
    throw conflict();
  };
  await assert.rejects(reconcile(provider), { code: 'PROVIDER_CONFLICT' });
  assert.deepEqual(provider.calls, ['records']);
});

test('what is desired can depend on what stands', async () => {
  const provider = createMemoryProvider();
  provider.plant(txtRecord(NAME, 'kept'));
  const desire = (live: readonly CurrentRecord[]): DesiredRecord[] =>
    live.map(({ name, value }) => ({ ...txtRecord(name, value), purpose: 'app-address' }));
  const outcome = await reconcileZone(provider, { zone, names: [NAME], desire }, never);
  assert.deepEqual(outcome.changes, []);
});

test('an alias that nothing can stand beside is an error that names it, and nothing is written', async () => {
  const provider = createMemoryProvider({ capabilities: { cnameBesideOthers: false } });
  provider.plant({ name: NAME, type: 'CNAME', value: 'elsewhere.example.net', ttl: 60 });
  await assert.rejects(reconcile(provider), (thrown) => {
    assert.ok(thrown instanceof IngressError);
    assert.equal(thrown.code, 'PROVIDER_REJECTED');
    assert.match(thrown.hint, new RegExp(`Remove the CNAME at ${NAME}`));
    return true;
  });
  assert.deepEqual(provider.calls, ['records']);
});
