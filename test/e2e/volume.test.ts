import assert from 'node:assert/strict';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { afterTest } from '../harness/after-test.ts';
import { freePort } from '../world/free-port.ts';
import { BUNDLE, environmentFor, type Ingress, startIngress } from '../world/ingress.ts';
import { again, askJson, errorIn, plantCertificate, tinyDiskFor, worldFor } from './support.ts';

const DOMAIN = 'app.example.com';
/**
 * Root as in a container with `cap_drop: [ALL]`: without the right to override file permissions.
 */
const LESSER_ROOT = ['setpriv', '--bounding-set=-dac_override,-dac_read_search'] as const;

test('a volume whose folders another user owns: the ingress serves, and warns at once', async (t) => {
  const { ingress, volume } = await start(t, async (volume) => {
    for (const folder of ['live', 'archive']) await chown(join(volume, folder, DOMAIN), 1000, 1000);
    for (const folder of ['live', 'archive']) await execa('chmod', ['a+rx', join(volume, folder, DOMAIN)]);
  });
  const { code, details } = errorIn(await ingress.seen('volume-not-writable'));
  const folder = join(volume, 'live', DOMAIN);
  assert.equal(code, 'STORE_FAILED');
  assert.deepEqual(details, { path: folder, owner: 1000, mode: 0o755, uid: 0 });
  await ingress.seen('serving');
});

test('a volume that another user owns completely: the error names the owner and the fix', async (t) => {
  const { ingress, volume } = await start(t, (volume) => execa('chown', ['-R', '1000:1000', volume]));
  await ingress.seen('volume-not-writable');
  const { details } = errorIn(await ingress.seen('pass-failed'));
  assert.deepEqual(details, { path: volume, owner: 1000, mode: 0o700, uid: 0 });
});

test('a first start on a read-only volume needs the operator: unhealthy at once, with the fix', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world);
  const disk = await tinyDiskFor(t, environment['LETSENCRYPT_DIR'] ?? '', 1024);
  if (!disk) return;
  await disk.makeReadOnly();
  const ingress = again(t, environment);
  await ingress.seen('pass-failed', { timeoutMs: 60_000, fits: ({ attempt }) => attempt === 2 });
  const warnings = ingress.log.filter(({ event }) => event === 'volume-not-writable');
  assert.deepEqual(
    warnings.map(({ domain }) => domain),
    [undefined, 'app.example.test'],
  );
  const { stdout } = await execa(process.execPath, [BUNDLE, 'health', '--wait', '--json'], {
    ...{ env: environment, extendEnv: false, reject: false, timeout: 20_000 },
  });
  const { status, sentence } = JSON.parse(stdout);
  const [{ failure }] = (await askJson(environment, 'status')).json.names;
  assert.deepEqual([status, failure.code], ['unhealthy', 'STORE_FAILED']);
  assert.ok(sentence.includes(failure.hint), sentence);
  const [failed] = ingress.log.filter(({ event }) => event === 'pass-failed');
  assert.ok(failed);
  assert.equal(errorIn(failed).details['fault'], 'read-only');
});

/** An ingress without network, on a volume with a certificate that another user owns. */
async function start(
  t: TestContext,
  giveAway: (volume: string) => Promise<unknown>,
): Promise<{ readonly ingress: Ingress; readonly volume: string }> {
  const home = await mkdtemp(join(tmpdir(), 'dstack-ingress-volume-'));
  const volume = join(home, 'letsencrypt');
  const environment = {
    PATH: process.env['PATH'] ?? '',
    DOMAIN,
    TARGET_ENDPOINT: '127.0.0.1:1',
    GATEWAY_DOMAIN: '_.cluster.test',
    CLOUDFLARE_API_TOKEN: 'nobody-is-there-to-see-this-token-anyway',
    CLOUDFLARE_BASE_URL: 'http://127.0.0.1:1',
    DNS_RESOLVERS: '127.0.0.1:1',
    APP_ID: '3327603e03f5bd1f830812ca4a789277fc31f577',
    PORT: String(await freePort()),
    LETSENCRYPT_DIR: volume,
    RUNTIME_DIR: join(home, 'run'),
  };
  await plantCertificate(environment, 80);
  await giveAway(volume);
  const ingress = startIngress(environment, [...LESSER_ROOT, process.execPath, BUNDLE]);
  afterTest(t, async () => {
    await ingress[Symbol.asyncDispose]();
    await rm(home, { recursive: true, force: true });
  });
  return { ingress, volume };
}
