import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { afterTest } from '../harness/after-test.ts';
import { environmentFor } from '../world/ingress.ts';
import { again, errorIn, handshake, plantCertificate, txtValues, worldFor } from './support.ts';

test('a renewal replaces the certificate under open connections, without a new HAProxy', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world);
  await plantCertificate(environment, 20);
  world.pebble.pause();
  const ingress = again(t, environment);
  const { serial } = await ingress.seen('serving');
  const [pid] = ingress.haproxyPids();
  const old = await handshake(environment, 'app.example.test');
  afterTest(t, () => old.socket.destroy());
  old.socket.write('GET /stream HTTP/1.1\r\nHost: app.example.test\r\n\r\n');
  await once(old.socket, 'data');
  world.pebble.resume();
  await ingress.seen('serving', { fits: (line) => line['serial'] !== serial });
  await once(old.socket, 'data');
  const fresh = await handshake(environment, 'app.example.test');
  fresh.socket.destroy();
  assert.notEqual(fresh.fingerprint256, old.fingerprint256);
  assert.deepEqual(ingress.haproxyPids(), [pid]);
  await ingress.seen('pass-finished');
  assert.equal((await world.request('app.example.test', '/')).status, 200);
});

test('after a refused renewal, the old certificate stays in service and the next order waits a minute', async (t) => {
  const world = await worldFor(t);
  // The ingress finds the zone through its own server, while the CA's lookups fail.
  const environment = await environmentFor(world, { DNS_RESOLVERS: `${world.nameServers.ns1.address}:53` });
  const planted = await plantCertificate(environment, 20);
  await world.resolver.stop();
  const ingress = again(t, environment);
  const failed = await ingress.seen('pass-failed');
  const { time, nextAttempt } = failed;
  assert.equal(errorIn(failed).code, 'ACME_ORDER_FAILED');
  assert.match(JSON.stringify(errorIn(failed).details), /"urn:ietf:params:acme:error:/);
  const waitS = (Date.parse(String(nextAttempt)) - Date.parse(String(time))) / 1000;
  assert.ok(waitS >= 59 && waitS <= 67, `${waitS} s`);
  assert.deepEqual(txtValues(world, '_acme-challenge.app.example.test'), []);

  await t.test('the old certificate is served', async () => {
    const { socket } = await handshake(environment, 'app.example.test');
    assert.equal(socket.getPeerX509Certificate()?.toString().trim(), planted.chainPem.trim());
    socket.destroy();
  });

  await t.test('a run in the meantime creates no order', async () => {
    ingress.signal('SIGHUP');
    await ingress.seen('order-held-back');
    await ingress.seen('pass-finished');
    assert.equal(world.pebble.orders(), 1);
  });
});
