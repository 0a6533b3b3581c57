import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { environmentWithClock } from '../world/faults/clock-jump.ts';
import { type Environment, environmentFor, type Ingress, type LogLine } from '../world/ingress.ts';
import { again, askJson, errorIn, eventually, plantCertificate, worldFor } from './support.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The end of a cause: the code of the provider's failure. */
const REASON = /\(PROVIDER_UNREACHABLE\)$/;

/** Requests a run of reconcile and resolves with the first line of this event from then on. */
async function inNextRun(ingress: Ingress, event: string): Promise<LogLine> {
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
  const { notAfter } = await plantCertificate(environment, 16);
  const end = notAfter.toISOString();
  await world.cloudflare.stop();
  const ingress = again(t, environment);
  const failed = await ingress.seen('pass-failed');
  assert.equal(errorIn(failed).code, 'PROVIDER_UNREACHABLE');
  const { message } = errorIn(failed);

  await t.test('before the urgent time: only the failure, and that a renewal is due', async () => {
    assert.ok(!ingress.log.some(({ event }) => /^certificate-e/.test(event ?? '')));
    const [name] = (await askJson(environment, 'status')).json.names;
    assert.deepEqual([name.certificate.notAfter, name.expired, name.renewal.at], [end, undefined, undefined]);
    const { exitCode, json } = await askJson(environment, 'health');
    assert.deepEqual([exitCode, json.status, json.names[0].notAfter], [0, 'healthy', end]);
    assert.ok(!json.sentence.includes(message), json.sentence);
  });

  await t.test('from the urgent time on: a warning in each run', async () => {
    jump(2 * DAY_MS);
    for (let run = 0; run < 2; run += 1) {
      const line = await inNextRun(ingress, 'certificate-ends-soon');
      assert.deepEqual([line['level'], line['notAfter']], ['warn', end]);
      assert.match(String(line['cause']), REASON);
      assert.ok(Date.parse(String(line['nextAttempt'])) > Date.parse(String(line['time'])));
    }
    const { exitCode, json } = await askJson(environment, 'health');
    assert.deepEqual([exitCode, json.status], [0, 'healthy'], 'a valid certificate is served');
    for (const part of [end, 'PROVIDER_UNREACHABLE']) assert.ok(json.sentence.includes(part), json.sentence);
  });

  await t.test('on the last day: errors', async () => {
    jump(13 * DAY_MS);
    const { level, notAfter: at } = await inNextRun(ingress, 'certificate-ends-soon');
    assert.deepEqual([level, at], ['error', end]);
  });

  await t.test('after the expiry, all outputs say so, when, and why', async () => {
    jump(2 * DAY_MS);
    const { level, notAfter: at, cause } = await inNextRun(ingress, 'certificate-expired');
    assert.deepEqual([level, at], ['error', end]);
    assert.match(String(cause), REASON);
    await assertExpired(environment, end, { isServed: true });
  });

  await ingress.end('SIGTERM');
  const next = again(t, environment);
  await t.test('also after a restart, which no longer serves it', async () => {
    const first = await next.seen('certificate-expired');
    assert.deepEqual([first['level'], first['notAfter'], first['cause']], ['error', end, undefined]);
    await next.seen('certificate-expired', { fits: ({ cause }) => REASON.test(String(cause)) });
    await assertExpired(environment, end, { isServed: false });
  });

  await t.test('after the renewal there are no more messages', async () => {
    await world.cloudflare.start();
    next.signal('SIGHUP');
    await next.seen('serving');
    await next.seen('pass-finished');
    const [name] = (await askJson(environment, 'status')).json.names;
    assert.deepEqual([name.expired, name.failure, typeof name.renewal.at], [undefined, undefined, 'string']);
    const { exitCode, json } = await askJson(environment, 'health');
    assert.deepEqual([exitCode, json.status], [0, 'healthy']);
    assert.equal(json.names[0].notAfter, name.certificate.notAfter);
    assert.notEqual(name.certificate.notAfter, end);
  });
});

/**
 * Asserts that status, health and plan report an expired certificate and the provider's failure.
 */
async function assertExpired(
  environment: Environment,
  end: string,
  { isServed }: { readonly isServed: boolean },
): Promise<void> {
  const [name] = (await askJson(environment, 'status')).json.names;
  assert.deepEqual([name.expired.notAfter, name.certificate !== undefined], [end, isServed]);
  assert.equal(name.failure.code, 'PROVIDER_UNREACHABLE');
  const health = await askJson(environment, 'health');
  assert.deepEqual([health.exitCode, health.json.status], [1, 'unhealthy']);
  for (const part of [end, 'PROVIDER_UNREACHABLE'])
    assert.ok(health.json.sentence.includes(part), health.json.sentence);
  const { warnings, failures } = (await askJson(environment, 'plan')).json;
  assert.ok(
    warnings.some((warning: string) => warning.includes(end)),
    warnings.join(),
  );
  assert.deepEqual(
    failures.map(({ code }: { readonly code: string }) => code),
    ['PROVIDER_UNREACHABLE'],
  );
}

/** A renewal that the CA refuses because its resolver does not respond, and a restart. */
async function refused(t: TestContext, daysLeft: number | undefined) {
  const world = await worldFor(t);
  const environment = await environmentFor(world, { DNS_RESOLVERS: `${world.nameServers.ns1.address}:53` });
  if (daysLeft !== undefined) await plantCertificate(environment, daysLeft);
  await world.resolver.stop();
  const first = again(t, environment);
  const { code, message } = errorIn(await first.seen('pass-failed'));
  await first.end('SIGTERM');
  assert.equal(code, 'ACME_ORDER_FAILED');
  return { environment, message };
}

test('a deferred order reports the CA’s last error and its time, also after a restart', async (t) => {
  const { environment, message } = await refused(t, 10);
  const ingress = again(t, environment);
  const { level, cause } = await ingress.seen('certificate-ends-soon');
  assert.equal(level, 'warn');
  const last = `${message} (ACME_ORDER_FAILED)`;
  assert.ok(String(cause).endsWith(last), String(cause));
  const [{ held }] = (await askJson(environment, 'status')).json.names;
  assert.ok(held.sentence.endsWith(last), held.sentence);
  const [planned] = (await askJson(environment, 'plan')).json.certificates;
  assert.equal(planned.ending.stage, 'soon');
  const { failure } = planned.held;
  assert.deepEqual([failure.code, failure.message], ['ACME_ORDER_FAILED', message]);
  assert.ok(planned.held.why.includes(failure.at), planned.held.why);
});

test('without any certificate this is a warning, and an earlier version’s ledger provides what it has', async (t) => {
  const { environment } = await refused(t, undefined);
  removeMessages(environment);
  const ingress = again(t, environment);
  const { level, failure } = await ingress.seen('order-held-back');
  assert.equal(level, 'warn');
  const { code, at, message } = Object(failure);
  assert.deepEqual([code, typeof at, message], ['ACME_ORDER_FAILED', 'string', undefined]);
});

/** Writes the ledger as it was before failures had a message. */
function removeMessages(environment: Environment): void {
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
