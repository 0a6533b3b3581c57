import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { LOOPBACK_FIX, upstreamSubject } from '../../src/proxy/upstream/messages.ts';
import { afterTest } from '../harness/after-test.ts';
import { startApp } from '../world/dstack/app.ts';
import { freePort } from '../world/free-port.ts';
import { type Environment, environmentFor, type Ingress } from '../world/ingress.ts';
import { again, askJson, eventually, ingressIn, worldFor } from './support.ts';

const BUNDLE = new URL('../../dist/main.js', import.meta.url).pathname;

async function status(environment: Environment, ...options: string[]) {
  const env = { PATH: environment['PATH'] ?? '', RUNTIME_DIR: environment['RUNTIME_DIR'] ?? '' };
  const { exitCode, stdout, stderr } = await execa(process.execPath, [BUNDLE, 'status', ...options], {
    env,
    extendEnv: false,
    reject: false,
  });
  return { exitCode, stdout, stderr };
}

async function statusJson(environment: Environment) {
  const { exitCode, stdout } = await status(environment, '--json');
  return { exitCode, json: JSON.parse(stdout) };
}

/** Writes a provider's Retry-After as an earlier run leaves it. */
function askedToWait(environment: Environment, ms: number): void {
  const folder = join(environment['LETSENCRYPT_DIR'] ?? '', 'dstack-ingress/providers/cloudflare');
  mkdirSync(folder, { recursive: true });
  const budget = { tokens: 100, at: Date.now(), heldUntil: Date.now() + ms };
  writeFileSync(join(folder, 'budget.json'), JSON.stringify(budget));
}

test('a waiting call is shown in the log and in the status, whatever LOG_LEVEL is', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world, { LOG_LEVEL: 'warn' });
  assert.equal((await status(environment)).exitCode, 1, 'there is no running ingress yet');
  askedToWait(environment, 120_000);
  const ingress = again(t, environment);
  const line = await ingress.seen('waiting', { fits: (one) => one['for'] === 'provider' });
  const { provider, reason, until, msg } = line;
  assert.deepEqual([provider, reason], ['cloudflare', 'asked-to-wait']);
  assert.deepEqual(world.cloudflare.calls, []);
  const { exitCode, json } = await statusJson(environment);
  assert.equal(exitCode, 0);
  assert.deepEqual([json.waiting.sentence, json.waiting.until], [msg, until]);
  assert.equal(json.names[0].certificate, undefined);
  await ingress.end('SIGTERM');
  const after = await status(environment);
  assert.deepEqual([after.exitCode, after.stdout], [1, '']);
  assert.ok(after.stderr.includes(environment['RUNTIME_DIR'] ?? 'no directory'), after.stderr);
});

test('after a run, the status has the certificate, and JSON for programs', async (t) => {
  const world = await worldFor(t);
  const ingress = await ingressIn(t, world);
  const { serial } = await ingress.seen('serving');
  await ingress.seen('pass-finished');
  const { exitCode, json } = await statusJson(ingress.environment);
  const { names, waiting } = json;
  const [{ certificate, pass, failure, domain }] = names;
  assert.deepEqual(
    [exitCode, certificate.serial, pass.outcome, domain],
    [0, serial, 'finished', 'app.example.test'],
  );
  assert.deepEqual([waiting, failure], [undefined, undefined]);
});

test('a failure is in the status with its hint', async (t) => {
  const world = await worldFor(t);
  const ingress = await ingressIn(t, world, { DOMAIN: 'app.elsewhere.test' });
  await ingress.seen('pass-failed');
  const [{ failure }] = (await statusJson(ingress.environment)).json.names;
  assert.equal(failure.code, 'ZONE_NOT_FOUND');
  assert.ok(failure.hint.includes('app.elsewhere.test'), failure.hint);
  assert.ok(Date.parse(failure.nextAttempt) > 0);
});

test('an app whose name does not resolve is not up: a warning in the log and, while that lasts, in the status', async (t) => {
  const world = await worldFor(t);
  const ingress = await ingressIn(t, world, { TARGET_ENDPOINT: 'http://nosuchapp.invalid:3000' });
  const up = await ingress.seen('up');
  const subject = upstreamSubject('nosuchapp.invalid');
  const { msg } = await ingress.seen('warning', { fits: (line) => line['subject'] === subject });
  assert.ok(String(up['msg']).endsWith(subject), String(up['msg']));
  assert.deepEqual((await statusJson(ingress.environment)).json.warnings, [msg]);
});

test('an app that refuses connections is not up: a warning in log and status until it responds, and what localhost means in a container', async (t) => {
  const world = await worldFor(t);
  const port = await freePort();
  const target = { TARGET_ENDPOINT: `http://localhost:${port}`, DSTACK_INGRESS_CONTAINER: 'true' };
  const ingress = await ingressIn(t, world, target);
  const up = await ingress.seen('up');
  const subject = upstreamSubject('localhost', port);
  const { msg } = await ingress.seen('warning', {
    fits: (line) => line['subject'] === subject && String(line['msg']).includes('ECONNREFUSED'),
  });
  assert.ok(String(up['msg']).endsWith(subject), String(up['msg']));
  assert.ok(String(msg).includes(LOOPBACK_FIX), String(msg));
  const warnings = async () => (await statusJson(ingress.environment)).json.warnings;
  assert.deepEqual(await warnings(), [msg]);
  const app = await startApp({ address: '127.0.0.1', port, name: 'late' });
  afterTest(t, () => app.stop());
  await ingress.seen('app-answers');
  await eventually('the warning is over', async () => (await warnings()).length === 0 || undefined);
});

test('a GATEWAY_DOMAIN that does not resolve is in log, status and plan, in every run; a certificate is issued', async (t) => {
  const world = await worldFor(t);
  const wrong = { GATEWAY_DOMAIN: '_.clutser.test', DSTACK_GATEWAY_DOMAIN: 'cluster.test' };
  const environment = await environmentFor(world, wrong);
  const { json: plan } = await askJson(environment, 'plan');
  const ingress = again(t, environment);
  await ingress.seen('pass-finished');
  await ingress.seen('serving');
  const up = await ingress.seen('up');
  assert.ok(String(up['msg']).endsWith('GATEWAY_DOMAIN'), String(up['msg']));
  ingress.signal('SIGHUP');
  const isOfGateway = ({ event, subject }: Ingress['log'][number]) =>
    event === 'warning' && subject === 'GATEWAY_DOMAIN';
  await eventually(
    'the warning is repeated',
    () => ingress.log.filter(isOfGateway).length === 2 || undefined,
  );
  const sentences = ingress.log.filter(isOfGateway).map(({ msg }) => String(msg));
  const [sentence = ''] = sentences;
  const record = 'app.example.test CNAME _.clutser.test';
  for (const part of ['_.clutser.test', record, '_.cluster.test'])
    assert.ok(sentence.includes(part), sentence);
  assert.deepEqual([plan.warnings, sentences], [[sentence], [sentence, sentence]]);
  assert.deepEqual((await statusJson(environment)).json.warnings, [sentence]);
});
