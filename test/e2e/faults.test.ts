import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { afterTest } from '../harness/after-test.ts';
import { environmentFor } from '../world/ingress.ts';
import { again, errorIn, ingressIn, worldFor, writes } from './support.ts';

test('a wrong token: the error says what to create, and there is no order', async (t) => {
  const world = await worldFor(t);
  const { token } = world.cloudflare;
  const CLOUDFLARE_API_TOKEN = `${token.slice(0, -1)}${token.endsWith('_') ? '-' : '_'}`;
  const ingress = await ingressIn(t, world, { CLOUDFLARE_API_TOKEN });
  assert.equal(errorIn(await ingress.seen('pass-failed')).code, 'PROVIDER_CREDENTIALS_REJECTED');
  assert.equal(world.pebble.orders(), 0);
  assert.deepEqual(writes(world), []);
});

test('a token without edit permission: the error names the permission', async (t) => {
  const world = await worldFor(t, {
    cloudflare: { token: { zones: { 'example.test': { zoneRead: true, dnsRead: true } } } },
  });
  const ingress = await ingressIn(t, world);
  const { code, hint = '' } = errorIn(await ingress.seen('pass-failed'));
  assert.equal(code, 'PROVIDER_PERMISSION_MISSING');
  // As Cloudflare's dashboard has it.
  assert.ok(hint.includes('Zone / DNS / Edit'), hint);
  assert.equal(world.pebble.validations(), 0);
});

test('a zone that is not in the account: the error names it', async (t) => {
  const world = await worldFor(t);
  const ingress = await ingressIn(t, world, { DOMAIN: 'app.elsewhere.test' });
  const { code, message, hint = '' } = errorIn(await ingress.seen('pass-failed'));
  assert.equal(code, 'ZONE_NOT_FOUND');
  assert.ok(message.includes('app.elsewhere.test'), message);
  for (const part of ['DOMAIN', 'app.elsewhere.test', 'example.test']) assert.ok(hint.includes(part), hint);
  assert.equal(world.pebble.orders(), 0);
});

test('a name server that lags 5 s is waited for, and the log says so', async (t) => {
  const world = await worldFor(t, { lags: { ns2: 5000 } });
  const ingress = await ingressIn(t, world);
  const { waitingFor } = await ingress.seen('waiting');
  const record = /^ns2\.example\.test .* app\.example\.test CNAME gateway/;
  assert.ok(
    [waitingFor].flat().some((one) => record.test(String(one))),
    String(waitingFor),
  );
  await ingress.seen('pass-finished');
  assert.equal((await world.request('app.example.test', '/')).status, 200);
  assert.equal(world.pebble.orders(), 1);
});

test('a name server that keeps serving the old zone is a timeout that names it, and the CA is not asked to validate', async (t) => {
  const world = await worldFor(t, { lags: { ns2: Number.POSITIVE_INFINITY } });
  const ingress = await ingressIn(t, world, { DNS_PROPAGATION_TIMEOUT: '2' });
  const { code, details } = errorIn(await ingress.seen('pass-failed'));
  assert.equal(code, 'PROPAGATION_TIMEOUT');
  const states = [details['servers']].flat().map((server) => [Object(server).hostname, Object(server).said]);
  assert.deepEqual(states.sort(), [
    ['ns1.example.test', 'seen'],
    ['ns2.example.test', 'lacks'],
  ]);
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
  assert.equal(errorIn(await ingress.seen('pass-failed')).code, 'PROVIDER_UNAVAILABLE');
  await ingress.seen('pass-finished');
});

test('a port that is in use: exit code 1 and an error that names PORT', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world);
  const other = createServer().listen(Number(environment['PORT']), '0.0.0.0');
  afterTest(t, () => other.close());
  const ingress = again(t, environment);
  assert.equal((await ingress.ended).exitCode, 1);
  const [failed] = ingress.log.filter(({ event }) => event === 'proxy-not-started');
  assert.ok(failed);
  const { code, details } = errorIn(failed);
  assert.deepEqual([code, details], ['PROXY_START_FAILED', { port: Number(environment['PORT']) }]);
});
