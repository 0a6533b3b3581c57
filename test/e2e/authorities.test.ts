import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readRenewalConf } from '../../src/certificates/renewal-conf.ts';
import { alreadyReplaced } from '../world/ca/acme-fault.ts';
import { isReplaceableAtPebble } from '../world/ca/certificate-id.ts';
import { environmentWithClock } from '../world/faults/clock-jump.ts';
import { type Environment, environmentFor, type LogLine } from '../world/ingress.ts';
import { again, errorIn, eventually, handshake, ingressIn, worldFor } from './support.ts';

const NAME = 'app.example.test';
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

async function issuerShown(environment: Environment): Promise<string> {
  const { socket } = await handshake(environment, NAME);
  const issuer = socket.getPeerX509Certificate()?.issuer ?? '';
  socket.destroy();
  return issuer;
}

function accountsOf(environment: Environment): string[] {
  return readdirSync(join(environment['LETSENCRYPT_DIR'] ?? '', 'accounts')).sort();
}

test('switching to staging and back: each CA’s certificate is served, nothing is ordered twice, both accounts stay', async (t) => {
  const world = await worldFor(t, { secondCa: {} });
  const first = await ingressIn(t, world, { ACME_STAGING_DIRECTORY_URL: world.secondCa.directoryUrl });
  await first.seen('pass-finished');
  const { environment } = first;
  const production = await issuerShown(environment);
  const { serial } = await first.seen('serving');
  await first.end('SIGTERM');

  const staging = again(t, { ...environment, CERTBOT_STAGING: 'true' });
  await staging.seen('pass-finished');
  assert.notEqual(await issuerShown(environment), production);
  assert.ok(!staging.log.some((line) => line.event === 'serving' && line['serial'] === serial));
  await staging.end('SIGTERM');

  const back = again(t, environment);
  await back.seen('pass-finished');
  assert.equal((await back.seen('serving'))['serial'], serial);
  assert.equal(await issuerShown(environment), production);
  await back.end('SIGTERM');
  const again_ = again(t, { ...environment, CERTBOT_STAGING: 'true' });
  await again_.seen('pass-finished');
  assert.deepEqual([world.pebble.orders(), world.secondCa.orders()], [1, 1]);
  assert.equal(accountsOf(environment).length, 2);
});

test('when the first CA is down for the configured time, the second one issues, and CAA permits both', async (t) => {
  const world = await worldFor(t, { secondCa: {} });
  world.acmeFront.failWhen(({ kind }) => kind === 'POST /order-plz', { kind: 'status', status: 500 });
  const ingress = await ingressIn(t, world, {
    ...{ ACME_DIRECTORY_URL: world.acmeFront.directoryUrl, SET_CAA: 'true' },
    ...{ ACME_FALLBACK_DIRECTORY_URL: world.secondCa.directoryUrl, ACME_FALLBACK_AFTER: '1' },
  });
  await ingress.seen('pass-failed');
  await ingress.seen('pass-finished');
  assert.deepEqual([world.pebble.orders(), world.secondCa.orders()], [0, 1]);
  const caa = world.cloudflare.recordsOf('example.test').filter(({ type }) => type === 'CAA');
  assert.equal(caa.length, 2);
  const { environment } = ingress;
  await ingress.end('SIGTERM');
  world.acmeFront.clearFaults();
  const next = again(t, environment);
  await next.seen('pass-finished');
  assert.deepEqual([world.pebble.orders(), world.secondCa.orders()], [0, 1]);
});

test('when the first CA is down from the first start on, the second one issues; CAA permits it, and later the first one', async (t) => {
  const world = await worldFor(t, { secondCa: {} });
  world.acmeFront.failWhen(() => true, { kind: 'status', status: 503 });
  const ingress = await ingressIn(t, world, {
    ...{ ACME_DIRECTORY_URL: world.acmeFront.directoryUrl, SET_CAA: 'true' },
    ...{ ACME_FALLBACK_DIRECTORY_URL: world.secondCa.directoryUrl, ACME_FALLBACK_AFTER: '1' },
  });
  await ingress.seen('pass-failed');
  await ingress.seen('pass-finished', { timeoutMs: 60_000 });
  assert.deepEqual([world.pebble.orders(), world.secondCa.orders()], [0, 1]);
  const caa = () => world.cloudflare.recordsOf('example.test').filter(({ type }) => type === 'CAA');
  assert.equal(caa().length, 1);
  // certbot would use this volume, so it needs an account that this CA knows.
  const volume = ingress.environment['LETSENCRYPT_DIR'] ?? '';
  const conf = readRenewalConf(readFileSync(join(volume, 'renewal', `${NAME}.conf`), 'utf8'));
  assert.equal(conf?.directoryUrl, world.secondCa.directoryUrl);
  const { host, pathname } = new URL(conf.directoryUrl);
  assert.ok(existsSync(join(volume, 'accounts', host, pathname, conf.account, 'regr.json')));
  world.acmeFront.clearFaults();
  ingress.signal('SIGHUP');
  await eventually('CAA names both', () => caa().length === 2 || undefined);
});

test('ACME_STAGING_DRY_RUN: after a failed validation, the staging CA has to validate first', async (t) => {
  const world = await worldFor(t, { secondCa: {} });
  const plain = await environmentFor(world, {
    ACME_STAGING_DIRECTORY_URL: world.secondCa.directoryUrl,
    ...{
      ACME_STAGING_DRY_RUN: 'true',
      SET_CAA: 'true',
      DNS_RESOLVERS: `${world.nameServers.ns1.address}:53`,
    },
  });
  const { environment, jump } = environmentWithClock(plain);
  await world.resolver.stop();
  const ingress = again(t, environment);
  await ingress.seen('pass-failed');
  assert.equal(world.pebble.validations(), 1);
  assert.equal(world.secondCa.orders(), 0);
  jump(2 * 60_000);
  ingress.signal('SIGHUP');
  await ingress.seen('pass-failed', { timeoutMs: 60_000, fits: ({ attempt }) => attempt === 2 });
  assert.deepEqual(
    [world.pebble.validations(), world.secondCa.validations()],
    [1, 1],
    'only the staging CA was asked to validate',
  );
  await world.resolver.start();
  jump(20 * 60_000);
  ingress.signal('SIGHUP');
  await ingress.seen('rehearsed');
  await ingress.seen('pass-finished');
  assert.deepEqual([world.pebble.validations(), world.secondCa.validations()], [2, 2]);
  assert.equal((await world.request(NAME, '/')).status, 200);
});

test('a CA that requires an external account: the error names the variables, and with them there is a certificate', async (t) => {
  const key = Buffer.from('a key of thirty-two octets, or so').toString('base64url');
  const world = await worldFor(t, { pebble: { externalAccounts: { 'customer-7': key } } });
  const plain = await environmentFor(world);
  const without = again(t, plain);
  const { code, hint = '' } = errorIn(await without.seen('pass-failed'));
  assert.equal(code, 'ACME_ACCOUNT_BINDING_MISSING');
  for (const variable of ['ACME_EAB_KID', 'ACME_EAB_HMAC_KEY']) assert.ok(hint.includes(variable), hint);
  await without.end('SIGTERM');
  const bound = again(t, { ...plain, ACME_EAB_KID: 'customer-7', ACME_EAB_HMAC_KEY: key });
  await bound.seen('pass-finished');
  assert.equal((await world.request(NAME, '/')).status, 200);
  assert.equal(world.pebble.orders(), 1);
  assert.ok(!JSON.stringify(bound.log).includes(key));
});

for (const [title, refusal, replacing] of [
  ['names the certificate it replaces', undefined, [false, true]],
  ['is ordered once more if the CA refuses the replacement', alreadyReplaced, [false, true, false]],
] as const) {
  test(`a renewal that the CA advises ${title}`, async (t) => {
    const world = await worldFor(t);
    const plain = await environmentFor(world, { ACME_DIRECTORY_URL: world.acmeFront.directoryUrl });
    const { environment, jump } = environmentWithClock(plain);
    const ingress = again(t, environment);
    const { serial } = await ingress.seen('serving');
    await ingress.seen('pass-finished');
    if (refusal) world.acmeFront.failNext('POST /order-plz', refusal);
    const pem = readFileSync(`${environment['LETSENCRYPT_DIR']}/live/${NAME}/cert.pem`, 'utf8');
    const hoursAgo = (hours: number) => new Date(Date.now() - hours * HOUR_MS);
    await world.pebble.setRenewalWindow(pem, hoursAgo(2), hoursAgo(1));
    await world.resolver.forgets();
    // The renewal advice of the start is valid for some hours.
    jump(DAY_MS);
    world.acmeFront.clockSkewMs = DAY_MS;
    const before = ingress.log.length;
    ingress.signal('SIGHUP');
    const isNew = (line: LogLine) => ingress.log.indexOf(line) >= before;
    const { start, end } = await ingress.seen('renewal-advice', { fits: isNew });
    const { reason } = await ingress.seen('order', { fits: isNew });
    for (const time of [start, end]) assert.ok(String(reason).includes(String(time)), String(reason));
    await ingress.seen('serving', { fits: (line) => line['serial'] !== serial, timeoutMs: 60_000 });
    const orders = world.acmeFront.calls.filter(({ kind }) => kind === 'POST /order-plz');
    // If Pebble itself refuses to replace the certificate, the ingress retries its status 500 first.
    const isReplaceable = refusal !== undefined || isReplaceableAtPebble(new X509Certificate(pem));
    assert.deepEqual(
      orders.map(({ payload }) => /"replaces":"[\w-]+\.[\w-]+"/.test(JSON.stringify(payload))),
      isReplaceable ? replacing : [false, true, true, true, true, false],
    );
    assert.equal(world.pebble.orders(), 2);
  });
}

test('ACME_PROFILE: the CA issues with that profile; an unknown one is an error that lists the available ones', async (t) => {
  const world = await worldFor(t, { pebble: { profiles: { classic: 90 * 86_400, shortlived: 160 * 3600 } } });
  const wrong = await ingressIn(t, world, { ACME_PROFILE: 'longlived' });
  const { code, details } = errorIn(await wrong.seen('pass-failed'));
  assert.equal(code, 'ACME_PROFILE_UNKNOWN');
  assert.deepEqual([details['available']].flat().sort(), ['classic', 'shortlived']);
  assert.equal(world.pebble.orders(), 0);
  await wrong.end('SIGTERM');
  const right = again(t, { ...wrong.environment, ACME_PROFILE: 'shortlived' });
  const { notAfter } = await right.seen('serving');
  const hours = (Date.parse(String(notAfter)) - Date.now()) / HOUR_MS;
  assert.ok(hours > 158 && hours < 161, `${hours} hours`);
  await right.seen('pass-finished');
});

test('while the clock is days off nothing is ordered; once it is right, one order is created', async (t) => {
  const world = await worldFor(t);
  const { environment, jump } = environmentWithClock(await environmentFor(world));
  jump(-5 * DAY_MS);
  const ingress = again(t, environment);
  const { code, details } = errorIn(await ingress.seen('pass-failed'));
  assert.deepEqual([code, Math.round(Number(details['skewMs']) / DAY_MS)], ['CLOCK_WRONG', 5]);
  assert.equal(world.pebble.orders(), 0);
  jump(5 * DAY_MS);
  ingress.signal('SIGHUP');
  await ingress.seen('pass-finished');
  assert.equal(world.pebble.orders(), 1);
});

test('a CAA record of another account is reported before there is an order, with the record to add', async (t) => {
  const world = await worldFor(t);
  await world.cloudflare.addRecord('example.test', {
    ...{ name: NAME, type: 'CAA' },
    content: '0 issue "other-ca.example"',
    data: { flags: 0, tag: 'issue', value: 'other-ca.example' },
  });
  const ingress = await ingressIn(t, world);
  const { code, details } = errorIn(await ingress.seen('pass-failed'));
  assert.equal(code, 'CAA_FORBIDS');
  const [refusal] = [details['refusals']].flat().map(Object);
  assert.deepEqual([refusal.name, refusal.owner, typeof refusal.add], [NAME, NAME, 'string']);
  assert.equal(refusal.faults[0].record, '0 issue "other-ca.example"');
  assert.equal(world.pebble.orders(), 0);
  assert.ok(!existsSync(`${ingress.environment['LETSENCRYPT_DIR']}/live`));
});
