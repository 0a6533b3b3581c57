import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { execa } from 'execa';
import { BUNDLE, type Environment, environmentFor, type Ingress } from '../world/ingress.ts';
import { again, handshake, ingressIn, plantCertificate, txtValues, worldFor, writes } from './support.ts';

const APP = 'app.example.test';
const API = 'api.example.test';
const TWO = { DOMAIN: '', DOMAINS: `${APP} # the first\n`, ROUTING_MAP: `${API}=127.0.0.1:1` };

/** The output of a subcommand while an ingress runs. */
async function ask(environment: Environment, ...words: string[]) {
  const options = { env: environment, extendEnv: false, reject: false };
  const { exitCode, stdout, stderr } = await execa(process.execPath, [BUNDLE, ...words], options);
  return { exitCode, stdout, stderr };
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
    const plan = await ask(environment, 'plan');
    assert.equal(plan.exitCode, 0, plan.stderr);
    assert.match(plan.stdout, new RegExp(`^What a start would do for ${APP}, ${API}:`));
    for (const name of [APP, API]) assert.match(plan.stdout, new RegExp(`^Certificate for ${name}$`, 'm'));
    assert.match(plan.stdout, /No record would change, no certificate would be ordered\./);
    const { names } = JSON.parse((await ask(environment, 'status', '--json')).stdout);
    const outcomes = [names]
      .flat()
      .map(({ domain, pass, certificate }) => [...[domain, pass.outcome, typeof certificate.serial]]);
    assert.deepEqual(outcomes, [
      [APP, 'finished', 'string'],
      [API, 'finished', 'string'],
    ]);
    const health = await ask(environment, 'health');
    assert.match(health.stdout, /^healthy: serving 2 names until \d{4}-[^;]*$/m);
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
  const { err } = await runOf(ingress, lost, 'pass-failed');
  assert.match(JSON.stringify(err), /ZONE_NOT_FOUND/);
  await runOf(ingress, APP);
  assert.equal(await shownFor(ingress.environment, APP), `DNS:${APP}`);
  const { exitCode, stdout } = await ask(ingress.environment, 'health');
  assert.match(stdout, new RegExp(`^healthy: serving 1 name until .*; no certificate yet for ${lost}$`, 'm'));
  assert.equal(exitCode, 0);
  const plan = await ask(ingress.environment, 'plan');
  assert.equal(plan.exitCode, 1);
  assert.match(plan.stdout, new RegExp(`^What a start would do for ${lost}, ${APP}:`));
  assert.match(plan.stdout, new RegExp(`which records would change for ${lost} is not known`));
  assert.match(plan.stderr, new RegExp(`^${lost}: .*ZONE_NOT_FOUND`));
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
  const status = JSON.parse((await ask(environment, 'status', '--json')).stdout);
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
  for (const [path, wrong] of [
    [
      '/nowhere.pem',
      /TARGET_CA_FILE is a file that cannot be read \(ENOENT\): \/nowhere\.pem\n {4}-> Mount a PEM/,
    ],
    [file, /TARGET_CA_FILE is a file without a PEM certificate/],
    [broken, /TARGET_CA_FILE is a file with a certificate that cannot be parsed/],
  ] as const) {
    const ingress = await ingressIn(t, world, { TARGET_ENDPOINT: 'https://app', TARGET_CA_FILE: path });
    assert.equal((await ingress.ended).exitCode, 78);
    assert.match(ingress.words.join('\n'), wrong);
  }
});
