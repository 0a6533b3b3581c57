import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { environmentWithClock } from '../world/faults/clock-jump.ts';
import { BUNDLE, type Environment, environmentFor, type Ingress, type LogLine } from '../world/ingress.ts';
import { again, eventually, plantCertificate, worldFor } from './support.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const REASON = /Cloudflare.*\(PROVIDER_UNREACHABLE\)/;

async function ask(environment: Environment, ...words: string[]) {
  const { exitCode, stdout, stderr } = await execa(process.execPath, [BUNDLE, ...words], {
    env: environment,
    extendEnv: false,
    reject: false,
  });
  return { exitCode, stdout, stderr };
}

/** Requests a run of reconcile and resolves with the first line of this event from then on. */
async function inNextRound(ingress: Ingress, event: string): Promise<LogLine> {
  const before = ingress.log.length;
  ingress.signal('SIGHUP');
  return eventually(event, () => ingress.log.slice(before).find((line) => line.event === event), 30_000);
}

test('while a provider is down until the certificate expires, messages escalate day by day', async (t) => {
  const world = await worldFor(t);
  const plain = await environmentFor(world, { ACME_DIRECTORY_URL: world.acmeFront.directoryUrl });
  const clock = environmentWithClock(plain);
  const { environment } = clock;
  const jump = (ms: number) => {
    clock.jump(ms);
    world.acmeFront.clockSkewMs = clock.offsetMs;
  };
  await plantCertificate(environment, 16);
  await world.cloudflare.stop();
  const ingress = again(t, environment);
  await ingress.seen('pass-failed');

  await t.test('before the emergency time: only the failure, and why a renewal is due', async () => {
    assert.ok(!ingress.log.some(({ event }) => /^certificate-e/.test(event ?? '')));
    const { stdout } = await ask(environment, 'status');
    assert.match(stdout, /^certificate {3}serial \S+, valid until \S+ \(15 days 23 hours left\)$/m);
    assert.match(stdout, /^renewal {7}has been due since .*a third of the lifetime/m);
    const { exitCode, stdout: words } = await ask(environment, 'health');
    assert.equal(exitCode, 0);
    assert.match(words, /^healthy: serving app\.example\.test until [^;]*$/);
  });

  await t.test('from the emergency time on: a warning in each run', async () => {
    jump(2 * DAY_MS);
    for (let round = 0; round < 2; round += 1) {
      const { level, msg, nextAttempt } = await inNextRound(ingress, 'certificate-ends-soon');
      assert.equal(level, 'warn');
      assert.match(String(msg), /^the certificate ends in 13 days 23 hours, at \S+, and is not renewed: /);
      assert.match(String(msg), REASON);
      const at = String(nextAttempt).replace(/\.\d+Z$/, 'Z');
      assert.ok(String(msg).endsWith(`; the next attempt is at ${at}`), String(msg));
    }
    const { exitCode, stdout } = await ask(environment, 'health');
    assert.equal(exitCode, 0, 'a valid certificate is served');
    assert.match(
      stdout,
      /^healthy: .*; the certificate for app\.example\.test ends in 13 days 23 hours, at /,
    );
    assert.match(stdout, REASON);
  });

  await t.test('on the last day: errors', async () => {
    jump(13 * DAY_MS);
    const { level, msg } = await inNextRound(ingress, 'certificate-ends-soon');
    assert.equal(level, 'error');
    assert.match(String(msg), /^the certificate ends in 23 hours \d+ minutes, at /);
  });

  await t.test('after the expiry, all messages say so, when, and why', async () => {
    jump(2 * DAY_MS);
    const { level, msg } = await inNextRound(ingress, 'certificate-expired');
    assert.equal(level, 'error');
    assert.match(String(msg), /^the certificate expired 1 day ago, at \S+, and is not renewed: /);
    assert.match(String(msg), REASON);
    await assertNamedAsExpired(environment, /^certificate {3}serial \S+, expired 1 day ago, at \S+$/m);
  });

  await ingress.end('SIGTERM');
  const next = again(t, environment);
  await t.test('also after a restart', async () => {
    const first = await next.seen('certificate-expired');
    assert.deepEqual(first['level'], 'error');
    assert.match(String(first['msg']), /expired 1 day ago, at \S+: it is not served, and a new one is due$/);
    await next.seen('certificate-expired', { fits: ({ msg }) => REASON.test(String(msg)) });
    const row = /^certificate {3}serial \S+, expired 1 day ago, at \S+; it is not served$/m;
    await assertNamedAsExpired(environment, row);
  });

  await t.test('after the renewal there are no more messages', async () => {
    await world.cloudflare.start();
    next.signal('SIGHUP');
    await next.seen('serving');
    await next.seen('pass-finished');
    const { stdout } = await ask(environment, 'status');
    assert.doesNotMatch(stdout, /expired|failure/);
    assert.match(stdout, /^renewal {7}is due at .*a third of the lifetime/m);
    const { exitCode, stdout: words } = await ask(environment, 'health');
    assert.match(words, /^healthy: serving app\.example\.test until [^;]*$/);
    assert.equal(exitCode, 0);
  });
});

async function assertNamedAsExpired(environment: Environment, row: RegExp): Promise<void> {
  const status = await ask(environment, 'status');
  assert.match(status.stdout, row);
  assert.match(status.stdout, /^failure {7}PROVIDER_UNREACHABLE: /m);
  const health = await ask(environment, 'health');
  assert.equal(health.exitCode, 1);
  assert.match(health.stdout, /^unhealthy: the certificate expired 1 day ago, at /);
  assert.match(health.stdout, REASON);
  const plan = await ask(environment, 'plan');
  assert.match(plan.stdout, /^ {2}the certificate for app\.example\.test expired 1 day ago, at /m);
  assert.match(plan.stderr, /PROVIDER_UNREACHABLE/);
}

/** A renewal that the CA refuses because its resolver does not respond, and a restart. */
async function refused(t: TestContext, daysLeft: number | undefined) {
  const world = await worldFor(t);
  const environment = await environmentFor(world, { DNS_RESOLVERS: `${world.nameServers.ns1.address}:53` });
  if (daysLeft !== undefined) await plantCertificate(environment, daysLeft);
  await world.resolver.stop();
  const first = again(t, environment);
  const { err } = await first.seen('pass-failed');
  await first.end('SIGTERM');
  // Only an IngressError, which is logged as data, has a message here.
  const { code, message } = err as { code: string; message: string };
  assert.equal(code, 'ACME_ORDER_FAILED');
  return { environment, words: `${message} (${code})` };
}

test('a deferred order reports the CA’s last error and its time, also after a restart', async (t) => {
  const { environment, words } = await refused(t, 10);
  const ingress = again(t, environment);
  const { msg, level } = await ingress.seen('certificate-ends-soon');
  assert.equal(level, 'warn');
  const expected = `is not renewed: the last order failed at \\d{4}-\\S+Z: ${RegExp.escape(words)}; the next attempt is at`;
  assert.match(String(msg), new RegExp(`ends in 9 days 23 hours, at \\S+, and ${expected}`));
  const { stdout } = await ask(environment, 'status');
  const said = RegExp.escape(words);
  assert.match(stdout, new RegExp(`^no order {6}before \\S+: the last order failed at \\S+: ${said}$`, 'm'));
  const plan = await ask(environment, 'plan');
  assert.match(plan.stdout, /^ {2}stored {2}serial \S+, which ends in 9 days 23 hours, at /m);
  assert.match(plan.stdout, new RegExp(`^ {2}later {3}not before \\S+: the last order .*: ${said}$`, 'm'));
});

test('without any certificate this is a warning, and an earlier version’s ledger provides what it has', async (t) => {
  const { environment, words } = await refused(t, undefined);
  forgetWords(environment);
  const ingress = again(t, environment);
  const { msg, level } = await ingress.seen('order-held-back');
  assert.equal(level, 'warn');
  assert.match(String(msg), /^no order before \S+: the last order failed at \S+ \(ACME_ORDER_FAILED\)$/);
  assert.ok(!String(msg).includes(words));
});

/** Writes the ledger as it was before failures had a message. */
function forgetWords(environment: Environment): void {
  const ledgers = join(environment['LETSENCRYPT_DIR'] ?? '', 'dstack-ingress/ledger');
  const files = readdirSync(ledgers, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.jsonl'),
  );
  assert.ok(files.length > 0);
  for (const file of files) {
    const lines = readFileSync(join(ledgers, file), 'utf8').trim().split('\n');
    const older = lines.map((line) => JSON.stringify({ ...JSON.parse(line), message: undefined }));
    assert.notDeepEqual(older, lines, 'the older format lacks something');
    writeFileSync(join(ledgers, file), `${older.join('\n')}\n`);
  }
}
