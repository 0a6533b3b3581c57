import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Environment, environmentFor, type Ingress } from '../world/ingress.ts';
import type { World } from '../world/world.ts';
import { inProcess, txtValues, worldFor, writes } from './support.ts';

const NAME = 'app.example.test';
const APP_ADDRESS = `_dstack-app-address.${NAME}`;
const CHALLENGE = `_acme-challenge.${NAME}`;
const NOWHERE = { DSTACK_SIMULATOR_ENDPOINT: '/nowhere.sock' };
const idOf = (letter: string) => letter.repeat(40);

/** A container with its own app id and volume, but the same name. */
async function container(world: World, letter: string, changes: Environment = {}): Promise<Environment> {
  return environmentFor(world, { ...NOWHERE, APP_ID: idOf(letter), SET_CAA: 'true', ...changes });
}

function holder(world: World): string[] {
  return txtValues(world, APP_ADDRESS).map((value) => value.split(':')[0] ?? '');
}

async function reconcileNow(ingress: Ingress): Promise<void> {
  const before = ingress.log.filter(({ event }) => event === 'pass-finished').length;
  ingress.signal('SIGHUP');
  await ingress.seen('pass-finished', {
    fits: (line) => ingress.log.filter(({ event }) => event === 'pass-finished').indexOf(line) >= before,
  });
}

/** Asserts that both run and neither writes in a further run. */
async function assertNoMoreWrites(world: World, ...ingresses: readonly Ingress[]): Promise<void> {
  world.cloudflare.resetCalls();
  for (let run = 0; run < 3; run += 1) for (const ingress of ingresses) await reconcileNow(ingress);
  assert.deepEqual(writes(world), []);
}

async function start(t: TestContext, environment: Environment): Promise<Ingress> {
  const ingress = inProcess(t, environment);
  await ingress.seen('pass-finished');
  return ingress;
}

test('claim and claim: the last started container has the name, the other reports that, and neither writes any more', async (t) => {
  const world = await worldFor(t);
  const blue = await start(t, await container(world, 'b'));
  assert.deepEqual(holder(world), [idOf('b')]);
  // Otherwise the CA might get the other container's challenge.
  await world.resolver.forgets();
  const green = await start(t, await container(world, 'd'));
  assert.deepEqual(holder(world), [idOf('d')]);
  await reconcileNow(blue);
  const { domain, rival } = await blue.seen('warning', { fits: (line) => line['rival'] !== undefined });
  assert.deepEqual([domain, rival], [NAME, txtValues(world, APP_ADDRESS)[0]]);
  await reconcileNow(green);
  await assertNoMoreWrites(world, blue, green);
  assert.deepEqual(holder(world), [idOf('d')]);
  const caa = world.cloudflare.recordsOf('example.test').filter(({ type }) => type === 'CAA');
  assert.equal(caa.length, 2, 'both accounts are permitted');
  assert.equal(world.pebble.orders(), 2);
});

test('hold: a standby has its certificate and leaves the name alone until it is free', async (t) => {
  const world = await worldFor(t);
  const blue = await start(t, await container(world, 'b'));
  await world.resolver.forgets();
  const standby = await start(t, await container(world, 'e', { APP_ADDRESS_MODE: 'hold' }));
  assert.deepEqual(holder(world), [idOf('b')]);
  await standby.seen('serving');
  const { domain, rival } = await standby.seen('warning', { fits: (line) => line['rival'] !== undefined });
  assert.deepEqual([domain, rival], [NAME, txtValues(world, APP_ADDRESS)[0]]);
  await reconcileNow(blue);
  await assertNoMoreWrites(world, blue, standby);
  await blue.end('SIGTERM');
  const [record] = world.cloudflare.recordsOf('example.test').filter(({ name }) => name === APP_ADDRESS);
  assert.ok(record);
  world.cloudflare.removeRecord('example.test', record.id);
  await reconcileNow(standby);
  assert.deepEqual(holder(world), [idOf('e')]);
});

test('with simultaneous orders, neither removes the other’s challenge', async (t) => {
  const world = await worldFor(t, { lags: { ns2: 1000 } });
  const blue = inProcess(t, await container(world, 'b'));
  await blue.seen('challenge-published');
  const green = inProcess(t, await container(world, 'd', { APP_ADDRESS_MODE: 'hold' }));
  await green.seen('challenge-published');
  // One of them waits for a minute.
  for (const ingress of [blue, green]) await ingress.seen('pass-finished', { timeoutMs: 120_000 });
  assert.deepEqual(txtValues(world, CHALLENGE), []);
  assert.equal(world.pebble.orders(), 2);
  for (const { log } of [blue, green]) assert.ok(!log.some(({ event }) => event === 'pass-failed'));
});

test('after simultaneous starts, each has its certificate, and one of them the name', async (t) => {
  const world = await worldFor(t);
  const environments = [await container(world, 'b'), await container(world, 'd')];
  const both = environments.map((environment) => inProcess(t, environment));
  for (const ingress of both) await ingress.seen('pass-finished', { timeoutMs: 120_000 });
  for (const { log } of both) assert.ok(!log.some(({ event }) => event === 'pass-failed'));
  // A container whose name was taken after its run writes its CAA record again.
  for (const ingress of both) await reconcileNow(ingress);
  await assertNoMoreWrites(world, ...both);
  assert.equal(holder(world).length, 1);
  assert.deepEqual(txtValues(world, CHALLENGE), []);
  assert.equal(world.pebble.orders(), 2);
});
