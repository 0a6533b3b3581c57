import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { execa } from 'execa';
import { type Environment, environmentFor } from '../world/ingress.ts';
import { again, plantCertificate, worldFor, writes } from './support.ts';

const BUNDLE = new URL('../../dist/main.js', import.meta.url).pathname;

async function plan(environment: Environment, ...options: string[]) {
  const { exitCode, stdout, stderr } = await execa(process.execPath, [BUNDLE, 'plan', ...options], {
    env: environment,
    extendEnv: false,
    reject: false,
  });
  return { exitCode, stdout, stderr };
}

/** The directories that a start creates. */
const directories = ['LETSENCRYPT_DIR', 'RUNTIME_DIR', 'EVIDENCE_DIR'];

test('a plan before the first start predicts what the start does', async (t) => {
  const world = await worldFor(t);
  const { cloudflare, pebble, zone } = world;
  const plant = (name: string, type: string, content: string, data = {}) =>
    cloudflare.addRecord(zone, { name, type, content, ...data });
  await plant('app.example.test', 'A', '192.0.2.7');
  await plant('_dstack-app-address.app.example.test', 'TXT', 'stale:443');
  const other = { flags: 0, tag: 'issue', value: 'other.example' };
  await plant('app.example.test', 'CAA', '0 issue "other.example"', { data: other });
  const environment = await environmentFor(world, { SET_CAA: 'true' });
  const before = cloudflare.recordsOf(zone);
  const shown = await plan(environment);
  const json = await plan(environment, '--json');

  await t.test('it is readable', () => {
    assert.deepEqual([shown.exitCode, shown.stderr], [0, '']);
    const { appId } = world.guestAgent;
    const text = `  remove  app.example.test A 192.0.2.7 (TTL 300)
  create  app.example.test CNAME gateway.cluster.test (TTL 60)
  replace _dstack-app-address.app.example.test TXT stale:443 (TTL 300)
  by      _dstack-app-address.app.example.test TXT ${appId}:${environment['PORT']} (TTL 60)
  create  app.example.test CAA 0 issue "pebble.letsencrypt.org;validationmethods=dns-01;accounturi=(the-account-that-a-start-registers)" (TTL 60)

Certificate
  order   there is no certificate yet

Warnings
  app.example.test CAA 0 issue "other.example" stays: it still permits other.example to issue for app.example.test and names below it`;
    assert.ok(shown.stdout.includes(text), shown.stdout);
  });

  await t.test('nothing was written: no record, no file, no account', () => {
    assert.deepEqual(writes(world), []);
    assert.deepEqual(cloudflare.recordsOf(zone), before);
    for (const directory of directories) assert.ok(!existsSync(environment[directory] ?? ''), directory);
    const posts = [...pebble.requests().keys()].filter((request) => request.startsWith('POST'));
    assert.deepEqual(posts, []);
  });

  const ingress = again(t, environment);
  const published = await ingress.seen('records-published');
  await ingress.seen('pass-finished');

  await t.test('the start did what the plan said', () => {
    const { zones, failures } = JSON.parse(json.stdout);
    assert.deepEqual(failures, []);
    const [{ changes }] = zones;
    const line = ({ name, type, value }: Record<string, string>) => `${name} ${type} ${value}`;
    const said = { written: [] as string[], removed: [] as string[] };
    for (const { record, replaced, removed } of changes) {
      if (record) said.written.push(line(record));
      if (replaced ?? removed) said.removed.push(line(replaced ?? removed));
    }
    const account = /accounturi=\(the-account-that-a-start-registers\)/;
    assert.deepEqual(said.removed, published['removed']);
    assert.deepEqual(
      said.written.map((record) => record.replace(account, 'X')),
      [published['written']].flat().map((record) => String(record).replace(/accounturi=[^"]+/, 'X')),
    );
  });

  await t.test('beside a running ingress, the plan is empty', async () => {
    world.cloudflare.resetCalls();
    const { exitCode, stdout } = await plan(environment);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^ {2}right {3}app\.example\.test CNAME gateway\.cluster\.test \(TTL 60\)$/m);
    assert.match(stdout, /^ {2}right {3}app\.example\.test CAA .*accounturi=https:/m);
    assert.match(stdout, /^ {2}keep {4}renewal is due at /m);
    assert.match(stdout, /^No record would change, no certificate would be ordered\./m);
    assert.deepEqual(writes(world), []);
  });
});

test('a certificate on the volume is kept, and the volume stays unchanged', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world, { SET_CAA: 'true' });
  await plantCertificate(environment, 60);
  const { exitCode, stdout } = await plan(environment);
  assert.equal(exitCode, 0);
  assert.match(stdout, /^ {2}stored {2}serial \S+, valid until .*\n {2}keep {4}renewal is due/m);
  assert.deepEqual(readdirSync(environment['LETSENCRYPT_DIR'] ?? '').sort(), ['archive', 'live']);
});

test('the plan does not promise an order if a start would fail', async (t) => {
  const world = await worldFor(t);
  await world.cloudflare.addRecord(world.zone, {
    name: '_acme-challenge.app.example.test',
    type: 'CNAME',
    content: 'elsewhere.example.org',
  });
  const { exitCode, stdout, stderr } = await plan(await environmentFor(world));
  assert.equal(exitCode, 1);
  assert.match(
    stdout,
    /^ {2}but {5}_acme-challenge\.app\.example\.test is an alias .*CHALLENGE_NAME_IS_ALIAS/m,
  );
  assert.match(stdout, /no certificate would be ordered\./);
  assert.match(stderr, /CHALLENGE_NAME_IS_ALIAS\)\n {2}-> Remove the CNAME/);
});

test('a plan that cannot be made says why and how to fix it, without a stack trace', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world, { DOMAIN: 'app.elsewhere.test' });
  const { exitCode, stdout, stderr } = await plan(environment);
  assert.deepEqual([exitCode, stdout], [1, '']);
  assert.match(
    stderr,
    /^The Cloudflare token sees no zone that holds app\.elsewhere\.test \(ZONE_NOT_FOUND\)\n {2}-> Check DOMAIN: is app\.elsewhere\.test correct\? The token sees example\.test\./,
  );
  assert.doesNotMatch(stderr, /at .*\.js/);
});

test('faults of the configuration end it with 78, like a start', async (t) => {
  const world = await worldFor(t);
  const { exitCode, stdout, stderr } = await plan(
    await environmentFor(world, { PORT: '0', SET_CAA: 'perhaps' }),
  );
  assert.deepEqual([exitCode, stdout], [78, '']);
  assert.match(stderr, /The configuration has 2 errors:.*SET_CAA.*PORT/s);
});
