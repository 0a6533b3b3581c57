import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import type { DnsRecord } from '../../src/dns/record.ts';
import { type Environment, environmentFor } from '../world/ingress.ts';
import { again, askJson, listedIn, plantCertificate, runSubcommand, worldFor, writes } from './support.ts';

const plan = (environment: Environment, ...options: string[]) =>
  runSubcommand(environment, 'plan', ...options);

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

  await t.test('it has the records, the order and the warning, for people and for programs', () => {
    assert.deepEqual([shown.exitCode, shown.stderr, json.exitCode], [0, '', 0]);
    const { zones, certificates, warnings } = JSON.parse(json.stdout);
    const { appId } = world.guestAgent;
    const [app, address] = ['app.example.test', '_dstack-app-address.app.example.test'];
    const issuer =
      'pebble.letsencrypt.org;validationmethods=dns-01;accounturi=(the-account-that-a-start-registers)';
    const record = ({ name, type, value, ttl }: DnsRecord) => `${name} ${type} ${value} (TTL ${ttl})`;
    const [{ changes }] = zones;
    const records: string[][] = changes.map((change: { [part: string]: DnsRecord }) =>
      ['removed', 'replaced', 'record'].flatMap((part) => (change[part] ? record(change[part]) : [])),
    );
    assert.deepEqual(records, [
      [`${app} A 192.0.2.7 (TTL 300)`],
      [`${app} CNAME gateway.cluster.test (TTL 60)`],
      [`${address} TXT stale:443 (TTL 300)`, `${address} TXT ${appId}:${environment['PORT']} (TTL 60)`],
      [`${app} CAA 0 issue "${issuer}" (TTL 60)`],
    ]);
    // The whole text is in test/wording/commands.ts.
    const order = [...records.flat(), certificates[0].decision.reason, ...warnings];
    const places = order.map((part) => shown.stdout.indexOf(part));
    assert.ok(!places.includes(-1), shown.stdout);
    assert.deepEqual(
      places,
      places.toSorted((one, other) => one - other),
    );
    assert.deepEqual([certificates.length, certificates[0].decision.action], [1, 'order']);
    assert.equal(certificates[0].stored, undefined);
    assert.equal(warnings.length, 1);
    assert.ok(warnings[0].startsWith(`${app} CAA 0 issue "other.example" `), warnings[0]);
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
    const { exitCode, json: now } = await askJson(environment, 'plan');
    const [{ changes, standing }] = now.zones;
    assert.deepEqual([exitCode, now.zones.length, changes], [0, 1, []]);
    const records = standing.map(({ name, type, value }: DnsRecord) => `${name} ${type} ${value}`);
    assert.ok(records.includes('app.example.test CNAME gateway.cluster.test'), records.join());
    assert.match(records.join('\n'), /^app\.example\.test CAA .*accounturi=https:/m);
    const [{ decision }, ...others] = now.certificates;
    assert.deepEqual([decision.action, typeof decision.until, others], ['keep', 'string', []]);
    assert.deepEqual(writes(world), []);
  });
});

test('a certificate on the volume is kept, and the volume stays unchanged', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world, { SET_CAA: 'true' });
  const { notAfter } = await plantCertificate(environment, 60);
  const { exitCode, json } = await askJson(environment, 'plan');
  assert.equal(exitCode, 0);
  const [{ stored, ending, decision }] = json.certificates;
  assert.deepEqual([stored.notAfter, ending, decision.action], [notAfter.toISOString(), undefined, 'keep']);
  assert.deepEqual(readdirSync(environment['LETSENCRYPT_DIR'] ?? '').sort(), ['archive', 'live']);
});

test('the plan does not promise an order if a start would fail', async (t) => {
  const world = await worldFor(t);
  await world.cloudflare.addRecord(world.zone, {
    name: '_acme-challenge.app.example.test',
    type: 'CNAME',
    content: 'elsewhere.example.org',
  });
  const { exitCode, json } = await askJson(await environmentFor(world), 'plan');
  const [{ decision, refused }] = json.certificates;
  assert.deepEqual([exitCode, decision.action, refused.code], [1, 'order', 'CHALLENGE_NAME_IS_ALIAS']);
  assert.ok(refused.message.includes('_acme-challenge.app.example.test'), refused.message);
  assert.deepEqual(json.failures, [{ domain: 'app.example.test', ...refused }]);
});

test('a plan that cannot be made says why and how to fix it, without a stack trace', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world, { DOMAIN: 'app.elsewhere.test' });
  const { exitCode, stdout, stderr } = await plan(environment);
  assert.deepEqual([exitCode, stdout], [1, '']);
  const { json } = await askJson(environment, 'plan');
  const [{ domain, code, message, remedy }, ...others] = json.failures;
  assert.deepEqual([domain, code, others], ['app.elsewhere.test', 'ZONE_NOT_FOUND', []]);
  for (const part of ['DOMAIN', domain, 'example.test']) assert.ok(remedy.includes(part), remedy);
  for (const part of [message, code, remedy]) assert.ok(stderr.includes(part), stderr);
  assert.doesNotMatch(stderr, /at .*\.js/);
});

test('faults of the configuration end it with 78, like a start', async (t) => {
  const world = await worldFor(t);
  const { exitCode, stdout, stderr } = await plan(
    await environmentFor(world, { PORT: '0', SET_CAA: 'perhaps' }),
  );
  assert.deepEqual([exitCode, stdout], [78, '']);
  assert.deepEqual(listedIn(stderr.split('\n')), { faults: ['SET_CAA', 'PORT'], warnings: [] });
});
