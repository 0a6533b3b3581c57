import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { memoryLog } from '../../test/harness/memory-log.ts';
import { fails, reconcileOne, type Stage, setStage } from '../../test/harness/stage.ts';
import { IngressError } from '../errors.ts';
import { type Cause, logEnding } from './certificate-log.ts';
import { manageCertificate } from './deps.ts';
import { rememberLoaded } from './install.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NAME = 'app.example.com';

/** The log at the end of a run over a certificate of 90 days with this many hours left. */
function logged(hoursLeft: number, end: Partial<Cause>, names = [NAME]) {
  const now = createFakeClock().now();
  const { emit, lines } = memoryLog();
  const certificate = manageCertificate([NAME]);
  const notAfter = new Date(now.getTime() + hoursLeft * HOUR_MS);
  const notBefore = new Date(notAfter.getTime() - 90 * DAY_MS);
  certificate.state.latest = {
    names,
    serial: '01',
    fingerprint256: 'AB',
    issuer: 'CN=x',
    notBefore,
    notAfter,
  };
  logEnding(
    { emit },
    certificate,
    { failure: undefined, deferral: undefined, ...end },
    new Date(now.getTime() + 5000),
    now,
  );
  return lines.map(({ level, event, cause, nextAttempt }) => ({ level, event, cause, nextAttempt }));
}

const failure = new IngressError('PROVIDER_UNREACHABLE', 'no answer');

test('nothing is logged before the urgent time, nor for a certificate of other names', () => {
  assert.deepEqual(logged(16 * 24, { failure }), []);
  assert.deepEqual(logged(5, { failure }, ['other.example.com']), []);
});

for (const [hoursLeft, level, event] of [
  [13 * 24 + 5, 40, 'certificate-ends-soon'],
  [24, 50, 'certificate-ends-soon'],
  [-48, 50, 'certificate-expired'],
] as const) {
  test(`${hoursLeft} hours left: level ${level}, with the cause and the next attempt`, () => {
    const [line, ...others] = logged(hoursLeft, { failure });
    assert.deepEqual([line?.level, line?.event, others], [level, event, []]);
    assert.equal(line?.cause, 'no answer (PROVIDER_UNREACHABLE)');
    assert.equal(line?.nextAttempt, '2026-11-24T00:00:05.000Z');
  });
}

test('the reason of a deferral is a cause too', () => {
  const [line] = logged(5, { deferral: { until: new Date(), reason: 'the CA said no' } });
  assert.equal(line?.cause, 'the CA said no');
});

test('a certificate that expired before this process started is logged once, when it is loaded', () => {
  const { emit, lines } = memoryLog();
  const certificate = manageCertificate([NAME]);
  const now = createFakeClock().now();
  const notAfter = new Date(now.getTime() - DAY_MS);
  const notBefore = new Date(notAfter.getTime() - 90 * DAY_MS);
  const facts = { names: [NAME], serial: '01', fingerprint256: 'AB', issuer: 'CN=x', notBefore, notAfter };
  for (let call = 0; call < 2; call += 1) rememberLoaded({ emit }, certificate, facts, now);
  assert.deepEqual(
    lines.map(({ event, level }) => [event, level]),
    [['certificate-expired', 50]],
  );
});

const renewals = ({ lines }: Stage) =>
  lines.filter(({ event }) => /^certificate-kept|^renewal-due/.test(String(event)));

test('the time of the renewal is logged once, also for a new certificate, and when it is due', async (t) => {
  const stage = await setStage(t);
  await reconcileOne(stage);
  await reconcileOne(stage);
  assert.deepEqual(
    renewals(stage).map(({ event, level }) => [event, level]),
    [['certificate-kept', 30]],
  );
  stage.clock.set(new Date(stage.clock.now().getTime() + 61 * DAY_MS));
  fails(stage, 'zone', 'PROVIDER_UNREACHABLE');
  for (let run = 0; run < 2; run += 1) await assert.rejects(reconcileOne(stage));
  assert.deepEqual(
    renewals(stage).map(({ event }) => event),
    ['certificate-kept', 'renewal-due'],
  );
  stage.provider.before = () => undefined;
  await reconcileOne(stage);
  assert.equal(renewals(stage).at(-1)?.['event'], 'certificate-kept');
});
