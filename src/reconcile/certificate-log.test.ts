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

/** What is said at the end of a round of a certificate of 90 days with so many hours left. */
function said(hoursLeft: number, end: Partial<Cause>, names = [NAME]) {
  const now = createFakeClock().now();
  const { emit, lines } = memoryLog();
  const kept = manageCertificate([NAME]);
  const notAfter = new Date(now.getTime() + hoursLeft * HOUR_MS);
  const notBefore = new Date(notAfter.getTime() - 90 * DAY_MS);
  kept.state.latest = { names, serial: '01', fingerprint256: 'AB', issuer: 'CN=x', notBefore, notAfter };
  logEnding(
    { emit },
    kept,
    { failure: undefined, deferral: undefined, ...end },
    new Date(now.getTime() + 5000),
    now,
  );
  return lines.map(({ level, event, msg, cause }) => ({ level, event, msg, cause }));
}

const failure = new IngressError('PROVIDER_UNREACHABLE', 'no answer');

test('nothing is said before the emergency line, nor of a certificate that is for nobody here', () => {
  assert.deepEqual(said(16 * 24, { failure }), []);
  assert.deepEqual(said(5, { failure }, ['other.example.com']), []);
});

for (const [hoursLeft, level, event, words] of [
  [13 * 24 + 5, 40, 'certificate-ends-soon', 'ends in 13 days 5 hours'],
  [24, 50, 'certificate-ends-soon', 'ends in 1 day'],
  [-48, 50, 'certificate-expired', 'expired 2 days ago'],
] as const) {
  test(`${hoursLeft} hours left: level ${level}, with the cause and the next attempt`, () => {
    const [line, ...others] = said(hoursLeft, { failure });
    assert.deepEqual([line?.level, line?.event, others], [level, event, []]);
    assert.match(
      String(line?.msg),
      new RegExp(`^the certificate ${words}, at 20[^ ]*, and is not renewed: `),
    );
    assert.match(
      String(line?.msg),
      /: no answer \(PROVIDER_UNREACHABLE\); the next attempt is at 20[^. ]*Z$/,
    );
  });
}

test('an order that is held back is a cause too', () => {
  const [line] = said(5, { deferral: { until: new Date(), reason: 'the CA said no' } });
  assert.match(String(line?.msg), /is not renewed: the CA said no; the next attempt/);
  assert.equal(line?.cause, 'the CA said no');
});

test('what has expired before this process is said at once, and only once', () => {
  const { emit, lines } = memoryLog();
  const kept = manageCertificate([NAME]);
  const now = createFakeClock().now();
  const notAfter = new Date(now.getTime() - DAY_MS);
  const notBefore = new Date(notAfter.getTime() - 90 * DAY_MS);
  const facts = { names: [NAME], serial: '01', fingerprint256: 'AB', issuer: 'CN=x', notBefore, notAfter };
  for (let turn = 0; turn < 2; turn += 1) rememberLoaded({ emit }, kept, facts, now);
  assert.deepEqual(
    lines.map(({ event, level }) => [event, level]),
    [['certificate-expired', 50]],
  );
});

const kept = ({ lines }: Stage) =>
  lines.filter(({ event }) => /^certificate-kept|^renewal-due/.test(String(event)));

test('when a certificate is renewed is said once, of a new one too, and that it is due', async (t) => {
  const stage = await setStage(t);
  await reconcileOne(stage);
  await reconcileOne(stage);
  assert.deepEqual(
    kept(stage).map(({ event, level }) => [event, level]),
    [['certificate-kept', 30]],
  );
  assert.match(String(kept(stage)[0]?.['msg']), /^renewal is due at .*: a third or less/);
  stage.clock.set(new Date(stage.clock.now().getTime() + 61 * DAY_MS));
  fails(stage, 'zone', 'PROVIDER_UNREACHABLE');
  for (let round = 0; round < 2; round += 1) await assert.rejects(reconcileOne(stage));
  assert.deepEqual(
    kept(stage).map(({ event }) => event),
    ['certificate-kept', 'renewal-due'],
  );
  stage.provider.before = () => undefined;
  await reconcileOne(stage);
  assert.equal(kept(stage).at(-1)?.['event'], 'certificate-kept');
});
