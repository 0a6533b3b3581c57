import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { afterTest } from '../harness/after-test.ts';
import { environmentFor, startIngress } from '../world/ingress.ts';
import type { World } from '../world/world.ts';
import { again, eventually, ingressIn, listedIn, plantCertificate, worldFor } from './support.ts';

/** A failed step of a run does not prevent a certificate from being renewed or served. */

test('a journal with an unreachable zone does not prevent a renewal', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world);
  await plantCertificate(environment, 5);
  const folder = join(environment['LETSENCRYPT_DIR'] ?? '', 'dstack-ingress/challenges');
  mkdirSync(folder, { recursive: true });
  const left = {
    provider: 'cloudflare',
    zoneId: 'f'.repeat(32),
    name: '_acme-challenge.gone.test',
    value: 'v',
    ttl: 60,
  };
  writeFileSync(join(folder, 'app.example.test.json'), JSON.stringify([left]));
  const ingress = again(t, environment);
  const { msg } = await ingress.seen('warning');
  assert.ok(String(msg).includes('_acme-challenge.gone.test'), String(msg));
  await ingress.seen('certificate-issued');
  await eventually('the new certificate', () => world.request('app.example.test', '/'));
});

/** Lets the provider refuse the records: once with the challenge, once without it. */
function refuseRecords(world: World): void {
  const message = 'Content for CNAME record is invalid.';
  const refusal = { kind: 'refusal', status: 400, code: 9005, message } as const;
  world.cloudflare.failWhen(({ kind }) => kind === 'write', refusal, 2);
}

test('records that the provider refuses do not prevent a renewal', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world);
  await plantCertificate(environment, 5);
  refuseRecords(world);
  const ingress = again(t, environment);
  await ingress.seen('certificate-issued');
  const { step, err } = await ingress.seen('pass-failed');
  assert.equal(step, 'records');
  assert.match(JSON.stringify(err), /9005/);
  assert.equal(ingress.log.filter((line) => /9005/.test(JSON.stringify(line))).length, 1, 'reported once');
});

test('on a first start, records that the provider refuses prevent any validation', async (t) => {
  const world = await worldFor(t);
  refuseRecords(world);
  const ingress = await ingressIn(t, world);
  await ingress.seen('pass-failed');
  assert.equal(world.pebble.validations(), 0);
});

test('SIGHUP at any time requests a run and ends nothing', async (t) => {
  const world = await worldFor(t);
  const ingress = await ingressIn(t, world);
  await ingress.seen('starting');
  ingress.signal('SIGHUP');
  await ingress.seen('pass-finished');
  ingress.signal('SIGTERM');
  ingress.signal('SIGHUP');
  assert.equal((await ingress.ended).exitCode, 0);
});

test('a full disk behind the log ends nothing', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world);
  const command = ['sh', '-c', `exec ${process.execPath} dist/main.js > /dev/full`] as const;
  const ingress = startIngress(environment, command);
  afterTest(t, () => ingress[Symbol.asyncDispose]());
  await eventually('an answer', () => world.request('app.example.test', '/'));
  assert.deepEqual(ingress.words, []);
});

test('an impossible path of the guest agent is an error without a stack trace', async (t) => {
  const world = await worldFor(t);
  const ingress = await ingressIn(t, world, { DSTACK_SIMULATOR_ENDPOINT: `/${'a'.repeat(300)}` });
  assert.equal((await ingress.ended).exitCode, 78);
  assert.deepEqual(listedIn(ingress.words).faults, ['APP_ID']);
  assert.ok(ingress.words.some((line) => line.includes(`/${'a'.repeat(300)}`)));
  assert.doesNotMatch(ingress.words.join('\n'), /^ +at /m);
});

test('a token that is given as a path is not printed', async (t) => {
  const world = await worldFor(t);
  const secret = 'v1-this-is-the-token-itself';
  const ingress = await ingressIn(t, world, { CLOUDFLARE_API_TOKEN: '', CLOUDFLARE_API_TOKEN_FILE: secret });
  assert.equal((await ingress.ended).exitCode, 78);
  assert.deepEqual(listedIn(ingress.words).faults, ['CLOUDFLARE_API_TOKEN_FILE']);
  assert.ok(ingress.words.some((line) => line.includes('ENOENT')));
  assert.doesNotMatch(ingress.words.join('\n'), new RegExp(secret));
});
