import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { afterTest } from '../harness/after-test.ts';
import { environmentFor } from '../world/ingress.ts';
import { again, ingressIn, worldFor, writes } from './support.ts';

test('a wrong token: the error says what to create, and there is no order', async (t) => {
  const world = await worldFor(t);
  const { token } = world.cloudflare;
  const CLOUDFLARE_API_TOKEN = `${token.slice(0, -1)}${token.endsWith('_') ? '-' : '_'}`;
  const ingress = await ingressIn(t, world, { CLOUDFLARE_API_TOKEN });
  const { err } = await ingress.seen('pass-failed');
  assert.match(JSON.stringify(err), /PROVIDER_CREDENTIALS_REJECTED/);
  assert.equal(world.pebble.orders(), 0);
  assert.deepEqual(writes(world), []);
});

test('a token without edit permission: the error names the permission', async (t) => {
  const world = await worldFor(t, {
    cloudflare: { token: { zones: { 'example.test': { zoneRead: true, dnsRead: true } } } },
  });
  const ingress = await ingressIn(t, world);
  const { err } = await ingress.seen('pass-failed');
  assert.match(JSON.stringify(err), /PROVIDER_PERMISSION_MISSING.*Zone \/ DNS \/ Edit/);
  assert.equal(world.pebble.validations(), 0);
});

test('a zone that is not in the account: the error names it', async (t) => {
  const world = await worldFor(t);
  const ingress = await ingressIn(t, world, { DOMAIN: 'app.elsewhere.test' });
  const { err } = await ingress.seen('pass-failed');
  assert.match(JSON.stringify(err), /ZONE_NOT_FOUND.*elsewhere\.test/);
  assert.match(JSON.stringify(err), /"hint":"Check DOMAIN: is app\.elsewhere\.test correct\? The token sees/);
  assert.equal(world.pebble.orders(), 0);
});

test('a name server that lags 5 s is waited for, and the log says so', async (t) => {
  const world = await worldFor(t, { lags: { ns2: 5000 } });
  const ingress = await ingressIn(t, world);
  const { waitingFor } = await ingress.seen('waiting');
  assert.match(JSON.stringify(waitingFor), /ns2\.example\.test .* lacks app\.example\.test CNAME gateway/);
  await ingress.seen('pass-finished');
  assert.equal((await world.request('app.example.test', '/')).status, 200);
  assert.equal(world.pebble.orders(), 1);
});

test('a name server that keeps serving the old zone is a time-out that names it, and the CA is not asked to validate', async (t) => {
  const world = await worldFor(t, { lags: { ns2: Number.POSITIVE_INFINITY } });
  const ingress = await ingressIn(t, world, { DNS_PROPAGATION_TIMEOUT: '2' });
  const { err } = await ingress.seen('pass-failed');
  assert.match(JSON.stringify(err), /PROPAGATION_TIMEOUT.*ns2\.example\.test/);
  assert.equal(world.pebble.validations(), 0);
  world.nameServers.setLag('ns2', 0);
  await ingress.seen('pass-finished', { timeoutMs: 90_000 });
});

test('answers that are too long for UDP are read over TCP', async (t) => {
  const world = await worldFor(t);
  for (const server of [world.nameServers.ns1, world.nameServers.ns2]) server.faults.truncateUdp = true;
  const ingress = await ingressIn(t, world);
  await ingress.seen('pass-finished');
  assert.equal((await world.request('app.example.test', '/')).status, 200);
});

test('a CA that refuses half of all nonces still issues', async (t) => {
  const world = await worldFor(t, { pebble: { nonceReject: 50 } });
  const ingress = await ingressIn(t, world);
  await ingress.seen('pass-finished');
  assert.equal((await world.request('app.example.test', '/')).status, 200);
});

test('a provider that fails, limits and resets is retried until it works', async (t) => {
  const world = await worldFor(t);
  world.cloudflare.failNext({ kind: 'status', status: 500 });
  const ingress = await ingressIn(t, world);
  const { err } = await ingress.seen('pass-failed');
  assert.match(JSON.stringify(err), /PROVIDER_UNAVAILABLE/);
  await ingress.seen('pass-finished');
});

test('a port that is in use: exit code 1 and an error that names PORT', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world);
  const other = createServer().listen(Number(environment['PORT']), '0.0.0.0');
  afterTest(t, () => other.close());
  const ingress = again(t, environment);
  assert.equal((await ingress.ended).exitCode, 1);
  assert.match(JSON.stringify(ingress.log), /PROXY_START_FAILED.*PORT/);
});
