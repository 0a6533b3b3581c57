import assert from 'node:assert/strict';
import { test } from 'node:test';
import { execa } from 'execa';
import { BUNDLE, type Environment } from '../world/ingress.ts';
import { askJson, eventually, ingressIn, worldFor } from './support.ts';

async function health(environment: Environment, ...options: string[]) {
  const { exitCode, stdout } = await execa(process.execPath, [BUNDLE, 'health', ...options], {
    env: environment,
    extendEnv: false,
    reject: false,
  });
  return { exitCode, stdout };
}

test('a start that waits for the CA is starting; health --wait prints nothing until it is healthy', async (t) => {
  const world = await worldFor(t);
  world.pebble.pause();
  const { environment, seen } = await ingressIn(t, world);
  const now = await eventually('HAProxy is up', async () => {
    const found = await health(environment);
    return found.stdout.startsWith('unhealthy: ') ? undefined : found;
  });
  assert.deepEqual(now, { exitCode: 1, stdout: 'starting: no certificate yet' });
  const { status, names } = JSON.parse((await health(environment, '--json')).stdout);
  assert.deepEqual([status, names], ['starting', [{ domain: 'app.example.test' }]]);
  let isOver = false;
  const waiting = health(environment, '--wait').finally(() => {
    isOver = true;
  });
  // As long as three of its own checks take.
  for (let count = 0; count < 3; count += 1) await health(environment);
  assert.equal(isOver, false);
  world.pebble.resume();
  const { exitCode, stdout } = await waiting;
  assert.match(stdout, /^healthy: /);
  assert.equal(exitCode, 0);

  await t.test('JSON for programs', async () => {
    const { serial, notAfter } = await seen('serving');
    const json = await health(environment, '--json');
    const { sentence, ...more } = JSON.parse(json.stdout);
    for (const part of ['app.example.test', notAfter]) assert.ok(sentence.includes(part), sentence);
    assert.deepEqual(more, {
      status: 'healthy',
      names: [{ domain: 'app.example.test', serial, notAfter }],
    });
    assert.equal(json.exitCode, 0);
  });
});

test('a rejected token needs the operator: unhealthy at once, with the fix', async (t) => {
  const world = await worldFor(t);
  const { environment, seen } = await ingressIn(t, world, { CLOUDFLARE_API_TOKEN: 'wrong' });
  await seen('pass-failed');
  const { exitCode, stdout } = await health(environment, '--wait', '--json');
  const { status, sentence } = JSON.parse(stdout);
  assert.deepEqual([exitCode, status], [1, 'unhealthy']);
  const [{ failure }] = (await askJson(environment, 'status')).json.names;
  assert.equal(failure.code, 'PROVIDER_CREDENTIALS_REJECTED');
  const { message, code, hint, nextAttempt } = failure;
  for (const part of [message, code, hint, nextAttempt, 'CLOUDFLARE_API_TOKEN'])
    assert.ok(sentence.includes(part), sentence);
});
