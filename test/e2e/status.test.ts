import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { afterTest } from '../harness/after-test.ts';
import { startApp } from '../world/dstack/app.ts';
import { freePort } from '../world/free-port.ts';
import { type Environment, environmentFor, type Ingress } from '../world/ingress.ts';
import { again, eventually, ingressIn, worldFor } from './support.ts';

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
  const { provider, reason } = await ingress.seen('waiting', { fits: (line) => line['for'] === 'provider' });
  assert.deepEqual([provider, reason], ['cloudflare', 'asked-to-wait']);
  assert.deepEqual(world.cloudflare.calls, []);
  const { exitCode, stdout } = await status(environment);
  assert.equal(exitCode, 0);
  assert.match(
    stdout,
    /^waiting +waiting \d+ s before the next call to Cloudflare, until .*: it asked to wait/m,
  );
  assert.match(stdout, /^certificate +none is served yet/m);
  await ingress.end('SIGTERM');
  assert.match((await status(environment)).stderr, /no ingress is running/);
});

test('after a run, the status has the certificate, and JSON for programs', async (t) => {
  const world = await worldFor(t);
  const ingress = await ingressIn(t, world);
  const { serial } = await ingress.seen('serving');
  await ingress.seen('pass-finished');
  const { stdout, exitCode } = await status(ingress.environment, '--json');
  const { names, waiting } = JSON.parse(stdout);
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
  const { stdout } = await status(ingress.environment);
  assert.match(stdout, /^failure +ZONE_NOT_FOUND: /m);
  assert.match(stdout, /^next attempt +\d{4}-/m);
});

test('an app whose name does not resolve is not up: a warning in the log and, while that lasts, in the status', async (t) => {
  const world = await worldFor(t);
  const ingress = await ingressIn(t, world, { TARGET_ENDPOINT: 'http://nosuchapp.invalid:3000' });
  const { msg } = await ingress.seen('up');
  assert.match(String(msg), / is up, .*warning about the app at nosuchapp\.invalid(?![\w.])/);
  assert.match(
    (await status(ingress.environment)).stdout,
    /the app's name nosuchapp\.invalid does not resolve/,
  );
});

test('an app that refuses connections is not up: a warning in log and status until it responds, and what localhost means in a container', async (t) => {
  const world = await worldFor(t);
  const port = await freePort();
  const target = { TARGET_ENDPOINT: `http://localhost:${port}`, DSTACK_INGRESS_CONTAINER: 'true' };
  const ingress = await ingressIn(t, world, target);
  const { msg } = await ingress.seen('up');
  assert.match(String(msg), / is up, .*warning about the app at localhost:\d+/);
  const sentence =
    /nothing listens at localhost:\d+ .*ECONNREFUSED.*name of the app's service in the compose file/;
  assert.match((await status(ingress.environment)).stdout, sentence);
  const app = await startApp({ address: '127.0.0.1', port, name: 'late' });
  afterTest(t, () => app.stop());
  await ingress.seen('app-answers');
  await eventually('the warning is over', async () =>
    sentence.test((await status(ingress.environment)).stdout) ? undefined : true,
  );
});

test('a GATEWAY_DOMAIN that does not resolve is in log, status and plan, in every run; a certificate is issued', async (t) => {
  const world = await worldFor(t);
  const wrong = { GATEWAY_DOMAIN: '_.clutser.test', DSTACK_GATEWAY_DOMAIN: 'cluster.test' };
  const environment = await environmentFor(world, wrong);
  const sentence =
    /GATEWAY_DOMAIN: _\.clutser\.test has no address .*app\.example\.test CNAME _\.clutser\.test.* set it to _\.cluster\.test/;
  const plan = await execa(process.execPath, [BUNDLE, 'plan'], { env: environment, extendEnv: false });
  assert.match(plan.stdout, sentence);
  const ingress = again(t, environment);
  await ingress.seen('pass-finished');
  await ingress.seen('serving');
  const { msg } = await ingress.seen('up');
  assert.match(String(msg), / is up, .*warning about GATEWAY_DOMAIN\b/);
  assert.match((await status(environment)).stdout, sentence);
  ingress.signal('SIGHUP');
  const isOfGateway = ({ event, subject }: Ingress['log'][number]) =>
    event === 'warning' && subject === 'GATEWAY_DOMAIN';
  await eventually(
    'the warning is repeated',
    () => ingress.log.filter(isOfGateway).length === 2 || undefined,
  );
  assert.match(String(ingress.log.find(isOfGateway)?.['msg']), sentence);
});
