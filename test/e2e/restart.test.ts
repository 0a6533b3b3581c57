import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { test } from 'node:test';
import { afterTest } from '../harness/after-test.ts';
import { makeCertificate } from '../harness/ca/certificates.ts';
import { environmentFor } from '../world/ingress.ts';
import {
  again,
  errorIn,
  eventually,
  handshake,
  ingressIn,
  plantCertificate,
  worldFor,
  writes,
} from './support.ts';

test('after a restart the stored certificate is served: no order, no write, one zone read', async (t) => {
  const world = await worldFor(t);
  const first = await ingressIn(t, world, { SET_CAA: 'true' });
  await first.seen('pass-finished');
  const { serial } = await first.seen('serving');
  assert.equal((await first.end('SIGTERM')).exitCode, 0);
  world.cloudflare.resetCalls();
  // As left by a crash in the middle of a write.
  const left = `${first.environment['LETSENCRYPT_DIR']}/live/app.example.test/privkey.pem.${randomUUID()}.tmp`;
  writeFileSync(left, 'half a key');
  utimesSync(left, new Date(0), new Date(0));
  const second = again(t, first.environment);
  assert.equal((await second.seen('serving'))['serial'], serial);
  assert.deepEqual((await second.seen('volume-tidied'))['removed'], [left]);
  await second.seen('pass-finished');
  assert.equal((await world.request('app.example.test', '/')).status, 200);
  assert.deepEqual(writes(world), []);
  assert.equal(world.cloudflare.calls.length, 2);
  assert.equal(world.pebble.orders(), 1);
});

test('with provider, CA, name servers, resolver and guest agent down, a valid certificate is served at once', async (t) => {
  const world = await worldFor(t);
  const first = await ingressIn(t, world);
  await first.seen('pass-finished');
  await first.end('SIGTERM');
  await Promise.all([
    world.cloudflare[Symbol.asyncDispose](),
    world.pebble.stop(),
    world.guestAgent.stop(),
    world.resolver.stop(),
  ]);
  const second = again(t, first.environment);
  await second.seen('serving', { timeoutMs: 5000 });
  const { socket } = await handshake(second.environment, 'app.example.test');
  socket.destroy();
  await second.seen('pass-failed');
  const shown = await handshake(second.environment, 'app.example.test');
  shown.socket.destroy();
});

test('with a renewal due and everything down, the old certificate is served at once and stays', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world);
  const planted = await plantCertificate(environment, 5);
  await Promise.all([world.cloudflare[Symbol.asyncDispose](), world.pebble.stop()]);
  const ingress = again(t, environment);
  const { serial } = await ingress.seen('serving', { timeoutMs: 5000 });
  await ingress.seen('pass-failed');
  const { socket } = await handshake(environment, 'app.example.test');
  assert.equal(socket.getPeerX509Certificate()?.toString().trim(), planted.chainPem.trim());
  assert.equal(socket.getPeerX509Certificate()?.serialNumber, serial);
  socket.destroy();
});

test('an existing certificate is served even if the app id is unknown', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world, { DSTACK_SIMULATOR_ENDPOINT: '/nowhere.sock' });
  await plantCertificate(environment, 80);
  const ingress = again(t, environment);
  await ingress.seen('serving');
  const failed = await ingress.seen('pass-failed');
  const { code, details } = errorIn(failed);
  assert.equal(code, 'IDENTITY_UNKNOWN');
  assert.deepEqual(details, { path: '/nowhere.sock', holds: 'nothing', isNamed: true });
});

test('an expired certificate is replaced and not served', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world);
  const { notAfter } = await plantCertificate(environment, -1);
  const ingress = again(t, environment);
  const { notAfter: end, cause } = await ingress.seen('certificate-expired');
  assert.deepEqual([end, cause], [notAfter.toISOString(), undefined]);
  await ingress.seen('pass-finished');
  assert.equal((await world.request('app.example.test', '/')).status, 200);
});

test('an account that the CA has lost is registered again', async (t) => {
  const world = await worldFor(t);
  const first = await ingressIn(t, world);
  await first.seen('pass-finished');
  await first.end('SIGTERM');
  await world.pebble.stop();
  await world.pebble.start();
  const root = first.environment['LETSENCRYPT_DIR'] ?? '';
  const second = again(t, { ...first.environment, DOMAIN: 'other.example.test' });
  await second.seen('pass-finished');
  assert.equal((await world.request('other.example.test', '/')).status, 200);
  assert.ok(readFileSync(`${root}/live/other.example.test/cert.pem`, 'utf8'));
});

test('before there is a certificate, the port is open and handshakes are refused', async (t) => {
  const world = await worldFor(t);
  world.pebble.pause();
  afterTest(t, () => world.pebble.resume());
  const ingress = await ingressIn(t, world);
  await eventually('the port is open', async () => {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const socket = connect(Number(ingress.environment['PORT']), '127.0.0.1', () => resolve(true));
    socket.on('error', reject);
    return promise.finally(() => socket.destroy());
  });
  await assert.rejects(
    handshake(ingress.environment, 'app.example.test'),
    /alert|unrecognized|reset|disconnected/i,
  );
});

test('mismatched files on the volume are not a certificate: one is ordered', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world);
  await plantCertificate(environment, 80);
  const other = await makeCertificate({ names: ['app.example.test'] });
  writeFileSync(`${environment['LETSENCRYPT_DIR']}/archive/app.example.test/privkey1.pem`, other.keyPem);
  const ingress = again(t, environment);
  await ingress.seen('certificate-unusable');
  await ingress.seen('pass-finished');
  assert.equal((await world.request('app.example.test', '/')).status, 200);
});

test('a volume that cannot be written: the certificate is served, ordered once, and stored once that is possible', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world);
  const archive = `${environment['LETSENCRYPT_DIR']}/archive`;
  mkdirSync(environment['LETSENCRYPT_DIR'] ?? '');
  writeFileSync(archive, 'a file instead of the folder');
  const ingress = again(t, environment);
  assert.equal(errorIn(await ingress.seen('pass-failed')).code, 'STORE_FAILED');
  assert.equal((await world.request('app.example.test', '/')).status, 200);
  rmSync(archive);
  await ingress.seen('pass-finished');
  assert.ok(readFileSync(`${archive}/app.example.test/privkey1.pem`, 'utf8'));
  assert.equal(world.pebble.orders(), 1);
});
