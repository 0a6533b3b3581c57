import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Plan } from '../../src/commands/print/json.ts';
import type { ZoneForecast } from '../../src/reconcile/forecast.ts';
import { type Environment, environmentFor, type Ingress } from '../world/ingress.ts';
import {
  again,
  askJson,
  errorIn,
  handshake,
  ingressIn,
  listedIn,
  plantCertificate,
  txtValues,
  worldFor,
  writes,
} from './support.ts';

const APP = 'app.example.test';
const API = 'api.example.test';
const TWO = { DOMAIN: '', DOMAINS: `${APP} # the first\n`, ROUTING_MAP: `${API}=127.0.0.1:1` };

/** Parts of what `plan --json` and `health --json` print. */
type Decided = Plan['certificates'][number];
interface Failed {
  readonly domain: string;
  readonly code: string;
}
interface Checked {
  readonly domain: string;
  readonly serial?: string;
}

function runOf(ingress: Ingress, domain: string, event = 'pass-finished') {
  return ingress.seen(event, { fits: (line) => line['domain'] === domain });
}

/** The names of the certificate that is presented for a server name. */
async function shownFor(environment: Environment, servername: string): Promise<string | undefined> {
  const { socket } = await handshake(environment, servername);
  const names = socket.getPeerX509Certificate()?.subjectAltName;
  socket.destroy();
  return names;
}

test('two names each have records and a certificate, and both are served after a restart with the CA down', async (t) => {
  const world = await worldFor(t);
  const first = await ingressIn(t, world, TWO);
  const { environment } = first;
  for (const name of [APP, API]) await runOf(first, name);
  for (const name of [APP, API]) {
    assert.equal(await shownFor(environment, name), `DNS:${name}`);
    assert.equal(txtValues(world, `_dstack-app-address.${name}`).length, 1);
  }
  assert.equal(world.pebble.orders(), 2);

  await t.test('plan, status and health show both', async () => {
    const { exitCode, json: plan } = await askJson(environment, 'plan');
    assert.deepEqual([exitCode, plan.names, plan.failures], [0, [APP, API], []]);
    assert.deepEqual(
      plan.certificates.map((one: Decided) => [one.names, one.decision.action]),
      [APP, API].map((name) => [[name], 'keep']),
    );
    assert.deepEqual(
      plan.zones.map(({ names, changes }: ZoneForecast) => [names, changes]),
      [[[APP, API], []]],
    );
    const { names } = (await askJson(environment, 'status')).json;
    const outcomes = [names]
      .flat()
      .map(({ domain, pass, certificate }) => [...[domain, pass.outcome, typeof certificate.serial]]);
    assert.deepEqual(outcomes, [
      [APP, 'finished', 'string'],
      [API, 'finished', 'string'],
    ]);
    const { json: health } = await askJson(environment, 'health');
    assert.equal(health.status, 'healthy');
    assert.deepEqual(
      health.names.map(({ domain, serial }: Checked) => [domain, typeof serial]),
      [APP, API].map((name) => [name, 'string']),
    );
  });

  await first.end('SIGTERM');
  await world.pebble.stop();
  world.cloudflare.resetCalls();
  const second = again(t, environment);
  for (const name of [APP, API]) await runOf(second, name);
  for (const name of [APP, API]) assert.equal(await shownFor(environment, name), `DNS:${name}`);
  assert.deepEqual(writes(world), []);

  await t.test('it lists the zones once, and reads the zone once', () => {
    assert.equal(world.cloudflare.calls.length, 2, JSON.stringify(world.cloudflare.calls));
  });

  await t.test('both were served before any other step for either', () => {
    const events = second.log.map(({ event }) => event).filter((event) => event !== undefined);
    const begin = events.indexOf('serving');
    assert.deepEqual(events.slice(begin, begin + 2), ['serving', 'serving']);
    assert.ok(!events.slice(0, begin).some((event) => String(event).startsWith('pass-')));
  });
});

test('a name without a zone in the account blocks no other name, and is retried alone', async (t) => {
  const world = await worldFor(t);
  const lost = 'app.elsewhere.test';
  const ingress = await ingressIn(t, world, { DOMAIN: lost, DOMAINS: APP });
  assert.equal(errorIn(await runOf(ingress, lost, 'pass-failed')).code, 'ZONE_NOT_FOUND');
  await runOf(ingress, APP);
  assert.equal(await shownFor(ingress.environment, APP), `DNS:${APP}`);
  const { exitCode, json: health } = await askJson(ingress.environment, 'health');
  assert.deepEqual([exitCode, health.status], [0, 'healthy']);
  assert.deepEqual(
    health.names.map(({ domain, serial }: Checked) => [domain, typeof serial]),
    [
      [lost, 'undefined'],
      [APP, 'string'],
    ],
  );
  assert.ok(health.sentence.includes(lost), health.sentence);
  const { exitCode: planned, json: plan } = await askJson(ingress.environment, 'plan');
  assert.deepEqual([planned, plan.names, plan.unplanned], [1, [lost, APP], [lost]]);
  assert.deepEqual(
    plan.failures.map(({ domain, code }: Failed) => [domain, code]),
    [[lost, 'ZONE_NOT_FOUND']],
  );
  await ingress.seen('pass-failed', { fits: ({ attempt }) => attempt === 2 });
  assert.equal(ingress.log.filter(({ event }) => event === 'pass-finished').length, 1);
});

test('a name and its wildcard, whose challenges share an owner name, are validated concurrently', async (t) => {
  const world = await worldFor(t);
  const ingress = await ingressIn(t, world, {
    DOMAIN: '*.example.test',
    DOMAINS: 'example.test',
    SET_CAA: 'true',
  });
  for (const name of ['*.example.test', 'example.test']) await runOf(ingress, name);
  assert.equal(await shownFor(ingress.environment, 'any.example.test'), 'DNS:*.example.test');
  assert.equal(await shownFor(ingress.environment, 'example.test'), 'DNS:example.test');
  assert.equal(world.pebble.orders(), 2);
  assert.ok(!ingress.log.some(({ event }) => event === 'pass-failed' || event === 'order-held-back'));
  const warnings = ingress.log.filter(({ event }) => event === 'warning').map(({ msg }) => String(msg));
  assert.ok(!warnings.some((words) => words.includes('CAA')), warnings.join());
});

test('CERT_GROUPS and ALIAS_DOMAIN: names share a certificate, and an added name does not affect the others', async (t) => {
  const world = await worldFor(t);
  const first = await ingressIn(t, world, {
    CERT_GROUPS: 'example.test, *.example.test',
    ALIAS_DOMAIN: 'www.example.test',
  });
  for (const name of [APP, 'example.test']) await runOf(first, name);
  const { environment } = first;
  assert.equal(world.pebble.orders(), 2);
  assert.equal(await shownFor(environment, APP), `DNS:${APP}, DNS:www.example.test`);
  assert.equal(await shownFor(environment, 'www.example.test'), `DNS:${APP}, DNS:www.example.test`);
  assert.equal(await shownFor(environment, 'any.example.test'), 'DNS:example.test, DNS:*.example.test');
  const { json: status } = await askJson(environment, 'status');
  assert.deepEqual(
    [status.names].flat().map(({ domain, pass }) => [domain, pass.outcome]),
    [APP, 'www.example.test', 'example.test', '*.example.test'].map((name) => [name, 'finished']),
  );
  await first.end('SIGTERM');
  const second = again(t, { ...environment, DOMAINS: API });
  for (const name of [APP, 'example.test', API]) await runOf(second, name);
  assert.equal(world.pebble.orders(), 3);
  await second.end('SIGTERM');
  const third = again(t, { ...environment, ALIAS_DOMAIN: '' });
  for (const name of [APP, 'example.test']) await runOf(third, name);
  assert.equal(world.pebble.orders(), 3, 'a certificate with additional names is valid until its renewal');
});

test('a valid certificate of the last name is served although the first name has none and the CA is down', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world, { ...TWO, DOMAINS: [API, APP].join() });
  await plantCertificate({ ...environment, DOMAIN: APP }, 60);
  await Promise.all([world.cloudflare[Symbol.asyncDispose](), world.pebble.stop()]);
  const ingress = again(t, environment);
  await runOf(ingress, API, 'pass-failed');
  const [serving, failed] = ['serving', 'pass-failed'].map((wanted) =>
    ingress.log.findIndex(({ event }) => event === wanted),
  );
  assert.ok(serving !== undefined && failed !== undefined && serving >= 0 && serving < failed);
  assert.equal(await shownFor(environment, APP), `DNS:${APP}`);
});

test('KEY_TYPE=rsa: the next certificate has an RSA key', async (t) => {
  const world = await worldFor(t);
  const ingress = await ingressIn(t, world, { KEY_TYPE: 'rsa' });
  await runOf(ingress, APP);
  const { socket } = await handshake(ingress.environment, APP);
  const { asymmetricKeyType, asymmetricKeyDetails } = socket.getPeerX509Certificate()?.publicKey ?? {};
  socket.destroy();
  assert.deepEqual([asymmetricKeyType, asymmetricKeyDetails?.modulusLength], ['rsa', 2048]);
});

test('a CA file that is missing or has no certificate is an error', async (t) => {
  const world = await worldFor(t);
  const file = join(world.directory, 'ca.pem');
  writeFileSync(file, 'no certificate\n');
  const broken = join(world.directory, 'broken.pem');
  writeFileSync(broken, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  const said = new Set<string>();
  for (const path of ['/nowhere.pem', file, broken]) {
    const ingress = await ingressIn(t, world, { TARGET_ENDPOINT: 'https://app', TARGET_CA_FILE: path });
    assert.equal((await ingress.ended).exitCode, 78);
    assert.deepEqual(listedIn(ingress.words).faults, ['TARGET_CA_FILE']);
    const line = ingress.words.find((words) => words.includes(path));
    assert.ok(line, ingress.words.join('\n'));
    said.add(line.replace(path, ''));
  }
  assert.equal(said.size, 3, 'each fault has a sentence of its own');
});
