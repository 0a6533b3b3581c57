import assert from 'node:assert/strict';
import { globSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { deactivateAccount } from '../harness/ca/deactivate-account.ts';
import { certbotOn } from '../world/ca/certbot.ts';
import { environmentFor } from '../world/ingress.ts';
import { again, errorIn, eventually, handshake, ingressIn, plantCertificate, worldFor } from './support.ts';

/** The ingress replaces accounts and orders that have ended. */

const NAME = 'app.example.test';
const DAY_MS = 86_400_000;

test('a deactivated account is replaced: new CAA, a warning, and a certificate', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world, { SET_CAA: 'true' });
  const root = environment['LETSENCRYPT_DIR'] ?? '';
  await plantCertificate(environment, 60);
  const first = again(t, environment);
  await first.seen('pass-finished');
  await first.end('SIGTERM');
  const caa = () =>
    world.cloudflare
      .recordsOf(world.zone)
      .filter(({ type }) => type === 'CAA')
      .map(({ data, content }) => JSON.stringify(data ?? content));
  setDefaultCACertificates([...getCACertificates(), readFileSync(world.apiCaFile, 'utf8')]);
  const old = await deactivateAccount(root, world.pebble.directoryUrl);
  assert.match(caa().join(), new RegExp(old));
  for (const folder of ['live', 'archive']) rmSync(join(root, folder), { recursive: true });

  const second = again(t, environment);
  await second.seen('pass-finished');
  await second.seen('warning', { fits: (line) => String(line['msg']).includes(old) });
  const { code, details } = errorIn(await second.seen('pass-failed'));
  assert.equal(code, 'ACME_ACCOUNT_REPLACED');
  const urls = globSync('accounts/*/dir/*/regr.json', { cwd: root }).map(
    (path) => JSON.parse(readFileSync(join(root, path), 'utf8')).uri,
  );
  const [url, ...more] = urls.filter((one) => one !== old);
  assert.deepEqual([urls.length, more], [2, []]);
  assert.deepEqual([details['old'], details['url']], [old, url]);
  assert.match(caa().join(), new RegExp(`${url}\\b`));
  (await handshake(environment, NAME)).socket.destroy();
  assert.equal(world.pebble.orders(), 1);
  await second.end('SIGTERM');

  const third = again(t, environment);
  await third.seen('pass-finished');
  assert.ok(!third.log.some(({ event }) => event === 'pass-failed' || event === 'warning'));
  assert.equal(world.pebble.orders(), 1);
});

test('an order that is still processing after its expiry is abandoned, and another one created', async (t) => {
  const world = await worldFor(t);
  const { acmeFront } = world;
  acmeFront.keepOrdersProcessing();
  const first = await ingressIn(t, world, { ACME_DIRECTORY_URL: acmeFront.directoryUrl });
  const isFinalization = ({ kind }: { readonly kind: string }) => kind === 'POST /finalize-order/';
  await eventually('the order is processing', () => acmeFront.granted.find(isFinalization), 30_000);
  await eventually('the ingress polls the order', () =>
    acmeFront.granted.find(({ kind }) => kind === 'POST /my-order/'),
  );
  await first.end('SIGTERM');
  acmeFront.completeOrders();
  const stuck = acmeFront.granted.find(({ kind }) => kind === 'POST /my-order/')?.path;
  assert.ok(stuck);
  const expires = new Date(Date.now() - 8 * DAY_MS).toISOString();
  const body = (order: unknown) => ({
    ...Object(order),
    status: 'processing',
    expires,
    certificate: undefined,
  });
  acmeFront.failWhen(({ path }) => path === stuck, { kind: 'rewrite', body });

  const second = again(t, first.environment);
  await second.seen('pass-finished');
  const { msg } = await second.seen('warning');
  assert.ok(String(msg).includes(stuck) && String(msg).includes(expires), String(msg));
  assert.equal(world.pebble.orders(), 2);
  (await handshake(first.environment, NAME)).socket.destroy();
});

test('certbot works with the volume again once its files name the new account', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world);
  const root = environment['LETSENCRYPT_DIR'] ?? '';
  const certbot = certbotOn(world, root);
  await certbot.issue(NAME);
  setDefaultCACertificates([...getCACertificates(), readFileSync(world.apiCaFile, 'utf8')]);
  await deactivateAccount(root, world.pebble.directoryUrl);
  for (const folder of ['live', 'archive']) renameSync(join(root, folder), join(root, `${folder}.away`));
  const ingress = again(t, environment);
  await ingress.seen('serving', { timeoutMs: 90_000 });
  await ingress.end('SIGTERM');
  for (const folder of ['live', 'archive']) {
    rmSync(join(root, folder), { recursive: true });
    renameSync(join(root, `${folder}.away`), join(root, folder));
  }
  const renew = () =>
    certbot.run('renew', '--force-renewal', '--no-random-sleep-on-renew', '--cert-name', NAME);
  await assert.rejects(renew(), /deactivated/);
  const { err } = await ingress.seen('pass-failed');
  const [id] = /(?<="account":")[0-9a-f]{32}/.exec(JSON.stringify(err)) ?? [];
  const conf = join(root, 'renewal', `${NAME}.conf`);
  writeFileSync(conf, readFileSync(conf, 'utf8').replace(/^account = .*$/m, `account = ${id}`));
  await renew();
});
