import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { upMessage } from '../../src/proxy/upstream/messages.ts';
import { environmentFor } from '../world/ingress.ts';
import { again, ingressIn, listedIn, txtValues, worldFor, writes } from './support.ts';

test('first start: records, certificate, HTTPS through the gateway', async (t) => {
  const world = await worldFor(t);
  const ingress = await ingressIn(t, world, { SET_CAA: 'true' });
  await ingress.seen('pass-finished');
  const answer = await world.request('app.example.test', '/hello');
  assert.equal(answer.status, 200);
  assert.match(answer.body, /answers \/hello/);

  await t.test('the last line says where the app is, and where requests go', async () => {
    const { msg } = await ingress.seen('up');
    const { TARGET_ENDPOINT: target } = ingress.environment;
    const [host = '', port] = (target ?? '').split(':');
    const route = { host, port: Number(port), speaks: 'tcp', tls: false } as const;
    assert.equal(msg, upMessage({ name: 'app.example.test', target: route, alpn: ['http/1.1'] }));
    assert.equal(ingress.log.at(-1)?.['event'], 'up');
  });

  await t.test('the zone has exactly the desired records', () => {
    const { appId } = world.guestAgent;
    const records = world.cloudflare
      .recordsOf('example.test')
      .map(({ name, type, content }) => `${name} ${type} ${content}`);
    const account = accountUrl(ingress.environment);
    assert.deepEqual(records.sort(), [
      `_dstack-app-address.app.example.test TXT "${appId}:${ingress.environment['PORT']}"`,
      `app.example.test CAA 0 issue "pebble.letsencrypt.org;validationmethods=dns-01;accounturi=${account}"`,
      'app.example.test CNAME gateway.cluster.test',
    ]);
  });

  await t.test('it makes four calls to the provider', () => {
    assert.equal(world.cloudflare.calls.length, 4, JSON.stringify(world.cloudflare.calls));
  });

  await t.test('keys on the volume are 0600, and the volume has only what certbot would read', () => {
    const root = ingress.environment['LETSENCRYPT_DIR'] ?? '';
    assert.deepEqual(readdirSync(root).sort(), ['accounts', 'archive', 'dstack-ingress', 'live', 'renewal']);
    assert.equal(statSync(join(root, 'live/app.example.test/privkey.pem')).mode & 0o777, 0o600);
  });

  await t.test('the token is nowhere in the log', () => {
    assert.doesNotMatch(JSON.stringify([ingress.log, ingress.words]), new RegExp(world.cloudflare.token));
  });

  await t.test('the journal is empty again', () => {
    const path = join(
      ingress.environment['LETSENCRYPT_DIR'] ?? '',
      'dstack-ingress/challenges/app.example.test.json',
    );
    assert.deepEqual(JSON.parse(readFileSync(path, 'utf8')), []);
  });

  await t.test('a later run writes nothing and reads once', async () => {
    world.cloudflare.resetCalls();
    const runs = ingress.log.filter(({ event }) => event === 'pass-finished').length;
    ingress.signal('SIGHUP');
    await ingress.seen('pass-finished', {
      fits: (line) => ingress.log.filter(({ event }) => event === 'pass-finished').indexOf(line) >= runs,
    });
    assert.deepEqual(writes(world), []);
    assert.equal(world.cloudflare.calls.length, 1);
    assert.equal(world.pebble.orders(), 1);
    assert.equal(world.pebble.validations(), 1);
  });
});

test('a wildcard: TXT at the wildcard name, issuewild at the base, any label served', async (t) => {
  const world = await worldFor(t);
  const ingress = await ingressIn(t, world, { DOMAIN: '*.example.test', SET_CAA: 'true' });
  await ingress.seen('pass-finished');
  assert.match((await world.request('anything.example.test', '/')).body, /answers \//);
  assert.equal(txtValues(world, '_dstack-app-address-wildcard.example.test').length, 1);
  const caa = world.cloudflare.recordsOf('example.test').find(({ type }) => type === 'CAA');
  assert.match(`${caa?.name} ${caa?.content}`, /^example\.test 0 issuewild "pebble/);
});

test('an apex: the provider flattens the CNAME, and it still counts as propagated', async (t) => {
  const world = await worldFor(t);
  const ingress = await ingressIn(t, world, { DOMAIN: 'example.test' });
  await ingress.seen('pass-finished');
  assert.equal((await world.request('example.test', '/')).status, 200);
});

test('conflicting records are replaced and named; all others stay', async (t) => {
  const world = await worldFor(t);
  const { cloudflare } = world;
  const plant = (name: string, type: string, content: string) =>
    cloudflare.addRecord('example.test', { name, type, content });
  await plant('app.example.test', 'A', '192.0.2.7');
  await plant('_dstack-app-address.app.example.test', 'TXT', 'stale:443');
  await plant('www.example.test', 'A', '192.0.2.8');
  await plant('app.example.test', 'TXT', 'v=spf1 -all');
  await plant('_acme-challenge.app.example.test', 'TXT', 'somebody-else');
  const ingress = await ingressIn(t, world);
  const { removed } = await ingress.seen('records-published');
  assert.deepEqual([removed].flat().sort(), [
    '_dstack-app-address.app.example.test TXT stale:443',
    'app.example.test A 192.0.2.7',
  ]);
  await ingress.seen('pass-finished');
  const kept = cloudflare.recordsOf('example.test').map(({ name, content }) => `${name} ${content}`);
  for (const record of [
    'www.example.test 192.0.2.8',
    'app.example.test v=spf1 -all',
    '_acme-challenge.app.example.test somebody-else',
  ]) {
    assert.ok(kept.includes(record), `${record} of ${kept.join(', ')}`);
  }
});

test('another CA’s CAA record stays, with a warning that says what it permits', async (t) => {
  const world = await worldFor(t);
  await world.cloudflare.addRecord('example.test', {
    name: 'app.example.test',
    type: 'CAA',
    content: '0 issue "other.example"',
    data: { flags: 0, tag: 'issue', value: 'other.example' },
  });
  const ingress = await ingressIn(t, world, { SET_CAA: 'true' });
  await ingress.seen('pass-finished');
  const warnings = ingress.log.filter(({ level }) => level === 'warn').map((line) => String(line['msg']));
  const record = 'app.example.test CAA 0 issue "other.example" ';
  assert.equal(warnings.filter((warning) => warning.startsWith(record)).length, 1, warnings.join('\n'));
  assert.equal(world.cloudflare.recordsOf('example.test').filter(({ type }) => type === 'CAA').length, 2);
});

test('a faulty environment ends with 78, names every fault and writes nothing', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world, {
    PORT: '0',
    TARGET_ENDPOINT: '',
    SET_CAA: 'perhaps',
    LINODE_API_TOKEN: 'x',
  });
  const ingress = again(t, environment);
  assert.equal((await ingress.ended).exitCode, 78);
  assert.deepEqual(listedIn(ingress.words).faults.sort(), [
    ...['DNS_PROVIDER', 'PORT', 'SET_CAA', 'TARGET_ENDPOINT'],
  ]);
  for (const directory of ['LETSENCRYPT_DIR', 'RUNTIME_DIR', 'EVIDENCE_DIR']) {
    assert.ok(!existsSync(environment[directory] ?? ''), directory);
  }
  assert.deepEqual(world.cloudflare.calls, []);
});

test('neither guest agent nor APP_ID on a first start is an error that says what to mount', async (t) => {
  const world = await worldFor(t);
  const ingress = await ingressIn(t, world, { DSTACK_SIMULATOR_ENDPOINT: '/nowhere.sock' });
  assert.equal((await ingress.ended).exitCode, 78);
  assert.deepEqual(listedIn(ingress.words).faults, ['APP_ID']);
  const mount = '/var/run/dstack.sock:/var/run/dstack.sock';
  assert.ok(
    ingress.words.some((line) => line.includes(mount)),
    ingress.words.join('\n'),
  );
});

test('without a guest agent, APP_ID is used', async (t) => {
  const world = await worldFor(t);
  const appId = 'AB'.repeat(20);
  const ingress = await ingressIn(t, world, { DSTACK_SIMULATOR_ENDPOINT: '/nowhere.sock', APP_ID: appId });
  await ingress.seen('pass-finished');
  const [value] = txtValues(world, '_dstack-app-address.app.example.test');
  assert.equal(value, `${appId.toLowerCase()}:${ingress.environment['PORT']}`);
});

function accountUrl(environment: Readonly<Record<string, string>>): string {
  const accounts = join(environment['LETSENCRYPT_DIR'] ?? '', 'accounts');
  const files = readdirSync(accounts, { recursive: true, encoding: 'utf8' });
  const registration = files.find((file) => file.endsWith('regr.json')) ?? '';
  return JSON.parse(readFileSync(join(accounts, registration), 'utf8')).uri;
}
