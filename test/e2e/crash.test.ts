import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { afterTest } from '../harness/after-test.ts';
import type { Environment } from '../world/ingress.ts';
import { again, eventually, handshake, ingressIn, txtValues, worldFor } from './support.ts';

const CHALLENGE = '_acme-challenge.app.example.test';

/**
 * A world whose records exist already, so that the next start publishes only its challenge. Its
 * volume is empty: the CA may cache an account's authorizations, and the ledger limits orders.
 */
async function prepared(t: TestContext) {
  const world = await worldFor(t);
  const first = await ingressIn(t, world);
  await first.seen('pass-finished');
  await first.end('SIGTERM');
  const root = first.environment['LETSENCRYPT_DIR'] ?? '';
  for (const directory of ['live', 'archive', 'accounts', 'dstack-ingress'])
    rmSync(join(root, directory), { recursive: true });
  return { world, environment: first.environment };
}

function journal(environment: Environment): unknown[] {
  return JSON.parse(
    readFileSync(
      join(environment['LETSENCRYPT_DIR'] ?? '', 'dstack-ingress/challenges/app.example.test.json'),
      'utf8',
    ),
  );
}

test('SIGKILL while the challenge is published: the next start continues the order and leaves no stale value', async (t) => {
  const { world, environment } = await prepared(t);
  world.nameServers.setLag('ns2', 60_000);
  const killed = again(t, environment);
  await killed.seen('challenge-published');
  await killed.end('SIGKILL');
  assert.equal(txtValues(world, CHALLENGE).length, 1);
  world.nameServers.setLag('ns2', 0);
  const next = again(t, environment);
  assert.equal((await next.seen('order-created'))['resumed'], true);
  await next.seen('pass-finished');
  assert.ok(!next.log.some(({ event }) => event === 'challenge-swept'));
  assert.equal(world.pebble.orders(), 2);
  assert.deepEqual(txtValues(world, CHALLENGE), []);
  assert.equal((await world.request('app.example.test', '/')).status, 200);
});

test('SIGKILL before the provider responds: the next start finds the value by itself and removes it', async (t) => {
  const { world, environment } = await prepared(t);
  world.cloudflare.addRecord('example.test', { name: CHALLENGE, type: 'TXT', content: '"of-somebody-else"' });
  world.cloudflare.failWhen(({ kind }) => kind === 'write', { kind: 'hang', executed: true }, 1);
  const killed = again(t, environment);
  await eventually('the value is published', () =>
    txtValues(world, CHALLENGE).length === 2 ? true : undefined,
  );
  await killed.end('SIGKILL');
  const next = again(t, environment);
  await next.seen('pass-finished');
  assert.deepEqual(txtValues(world, CHALLENGE), ['of-somebody-else']);
  assert.deepEqual(journal(environment), []);
});

test('SIGTERM during issuance: the challenge is removed, exit code 0 within 10 s', async (t) => {
  const { world, environment } = await prepared(t);
  world.nameServers.setLag('ns2', 60_000);
  const ingress = again(t, environment);
  await ingress.seen('challenge-published');
  const { exitCode, seconds } = await ingress.end('SIGTERM');
  assert.equal(exitCode, 0);
  assert.ok(seconds < 10, `${seconds} s`);
  assert.deepEqual(txtValues(world, CHALLENGE), []);
  assert.deepEqual(journal(environment), []);
  assert.deepEqual(ingress.haproxyPids(), []);
});

test('SIGTERM while the provider hangs: still exit code 0 within 10 s, and the journal keeps the challenge', async (t) => {
  const { world, environment } = await prepared(t);
  world.cloudflare.failWhen(({ kind }) => kind === 'write', { kind: 'hang', executed: true });
  const ingress = again(t, environment);
  await eventually('the value is published', () =>
    txtValues(world, CHALLENGE).length === 1 ? true : undefined,
  );
  const { exitCode, seconds } = await ingress.end('SIGTERM');
  assert.equal(exitCode, 0);
  assert.ok(seconds < 10, `${seconds} s`);
  assert.equal(journal(environment).length, 1);
});

test('SIGTERM while a challenge cannot be removed: HAProxy stops before that is given up', async (t) => {
  const { world, environment } = await prepared(t);
  world.cloudflare.failWhen(({ kind }) => kind === 'write', { kind: 'hang', executed: true });
  const ingress = again(t, environment);
  await eventually('the value is published', () =>
    txtValues(world, CHALLENGE).length === 1 ? true : undefined,
  );
  assert.equal(ingress.haproxyPids().length, 1);
  const ended = ingress.end('SIGTERM');
  await eventually('HAProxy has ended', () => (ingress.haproxyPids().length === 0 ? true : undefined));
  const events = ingress.log.map(({ event }) => event);
  assert.ok(events.includes('stopping'));
  assert.ok(!events.includes('challenge-left'));
  assert.equal((await ended).exitCode, 0);
  assert.ok(ingress.log.some(({ event }) => event === 'challenge-left'));
});

test('SIGTERM with an idle connection open: drained, exit code 0 within 10 s', async (t) => {
  const world = await worldFor(t);
  const ingress = await ingressIn(t, world);
  await ingress.seen('pass-finished');
  const { socket } = await handshake(ingress.environment, 'app.example.test');
  afterTest(t, () => socket.destroy());
  socket.on('error', () => undefined);
  const { exitCode, seconds } = await ingress.end('SIGTERM');
  assert.equal(exitCode, 0);
  assert.ok(seconds < 10, `${seconds} s`);
});

test('HAProxy is killed: it is restarted and serves the same certificate', async (t) => {
  const world = await worldFor(t);
  const ingress = await ingressIn(t, world);
  await ingress.seen('pass-finished');
  const before = await handshake(ingress.environment, 'app.example.test');
  before.socket.destroy();
  const [pid = 0] = ingress.haproxyPids();
  process.kill(pid, 'SIGKILL');
  const after = await eventually('it serves again', () => handshake(ingress.environment, 'app.example.test'));
  after.socket.destroy();
  assert.equal(after.fingerprint256, before.fingerprint256);
  assert.notDeepEqual(ingress.haproxyPids(), [pid]);
});
