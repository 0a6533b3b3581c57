import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CHALLENGE,
  change,
  DOMAIN,
  fails,
  failure,
  orders,
  reconcileAll,
  reconcileOne,
  restart,
  type Stage,
  secondCa,
  setStage,
} from '../../test/harness/stage.ts';
import { problemError, readProblem } from '../acme/problem.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

function wait({ clock }: Stage, ms: number): void {
  clock.set(new Date(clock.now().getTime() + ms));
}

/** How many orders a CA in memory has made. */
const ordersAt = ({ calls }: { calls: readonly string[] }) =>
  calls.filter((call) => call.startsWith('createOrder')).length;

for (const [how, fails] of [
  ['has opened no order', (call: string) => call.startsWith('createOrder')],
  ['has been down', () => true],
] as const)
  test(`the fallback CA issues once the primary CA ${how} for the configured time, and the primary CA issues the next certificate`, async (t) => {
    const stage = await setStage(t);
    const { authority, client } = secondCa(stage);
    const { authorities } = stage.deps;
    change(stage, { authorities: { ...authorities, fallback: { authority, afterMs: HOUR_MS } } });
    stage.client.before = (call) => {
      if (fails(call)) throw failure('ACME_UNREACHABLE');
    };
    await assert.rejects(reconcileOne(stage), { code: 'ACME_UNREACHABLE' });
    wait(stage, HOUR_MS - 1);
    await assert.rejects(reconcileOne(stage), { code: 'ACME_UNREACHABLE' });
    assert.equal(ordersAt(client), 0);
    wait(stage, 1);
    await reconcileOne(stage);
    assert.equal(ordersAt(client), 1);
    assert.equal(stage.served.length, 1);
    stage.client.before = () => undefined;
    const before = ordersAt(stage.client);
    wait(stage, 61 * DAY_MS);
    await reconcileOne(stage);
    assert.deepEqual([ordersAt(stage.client) - before, ordersAt(client)], [1, 1]);
    assert.ok(
      !stage.client.calls.some((call) => call.includes('replaces')),
      'the primary CA does not know the certificate of the fallback',
    );
  });

test('the reason of a deferral names the CA where there are two', async (t) => {
  const stage = await setStage(t);
  const { authority, client } = secondCa(stage);
  const { authorities } = stage.deps;
  change(stage, { authorities: { ...authorities, fallback: { authority, afterMs: 1 } } });
  for (const ca of [stage.client, client]) ca.validation = [{ status: 'invalid' }];
  await assert.rejects(reconcileOne(stage), { code: 'ACME_ORDER_FAILED' });
  wait(stage, 1000);
  await assert.rejects(reconcileOne(stage), { code: 'ACME_ORDER_FAILED' });
  wait(stage, 1000);
  const [result] = await reconcileAll(stage);
  assert.ok(
    result?.deferral?.reason.startsWith('at ca.example, '),
    result?.deferral?.reason ?? 'no deferral',
  );
});

test('after a refusal the staging CA has to validate, with both challenges published, before the production CA is asked to', async (t) => {
  const stage = await setStage(t);
  const { authority, client } = secondCa(stage);
  change(stage, { authorities: { ...stage.deps.authorities, staging: authority } });
  const { client: production } = stage;
  production.validation = [{ status: 'invalid' }];
  await assert.rejects(reconcileOne(stage), { code: 'ACME_ORDER_FAILED' });
  assert.equal(ordersAt(client), 0);
  production.validation = [{ status: 'valid' }];
  client.validation = [{ status: 'invalid' }];
  const responses = () => production.calls.filter((call) => call.startsWith('respond')).length;
  wait(stage, 2 * MINUTE_MS);
  await assert.rejects(reconcileOne(stage), { code: 'ACME_ORDER_FAILED' });
  assert.deepEqual([ordersAt(client), responses()], [1, 1]);
  client.validation = [{ status: 'valid' }];
  wait(stage, 20 * MINUTE_MS);
  const writes = stage.provider.applied.length;
  await reconcileOne(stage);
  assert.deepEqual([ordersAt(client), responses()], [2, 2]);
  assert.equal(stage.provider.applied.length, writes + 2, 'both challenges in one write, and one removal');
  assert.ok(!client.calls.includes('finalize'), 'the staging CA issues nothing');
  assert.equal(stage.served.length, 1);
});

test('ACME_PROFILE is ordered at the primary CA, and not at the fallback', async (t) => {
  const stage = await setStage(t, { spec: { profile: 'shortlived' } });
  const { authority, client } = secondCa(stage);
  const { authorities } = stage.deps;
  change(stage, { authorities: { ...authorities, fallback: { authority, afterMs: 1 } } });
  stage.client.before = (call) => {
    if (call.startsWith('createOrder')) throw failure('ACME_UNREACHABLE');
  };
  await assert.rejects(reconcileOne(stage), { code: 'ACME_UNREACHABLE' });
  wait(stage, 1);
  await reconcileOne(stage);
  const ordered = ({ calls }: { calls: readonly string[] }) =>
    calls.filter((call) => call.startsWith('createOrder'));
  assert.deepEqual(ordered(stage.client), [`createOrder ${DOMAIN} profile shortlived`]);
  assert.deepEqual(ordered(client), [`createOrder ${DOMAIN}`]);
});

test('the back-off after refusals survives restarts: 1, 10, 100 minutes, then a day', async (t) => {
  const stage = await setStage(t);
  stage.client.validation = [{ status: 'invalid' }];
  for (const minutes of [1, 10, 100, 24 * 60, 24 * 60]) {
    await assert.rejects(reconcileOne(stage), { code: 'ACME_ORDER_FAILED' });
    const made = orders(stage);
    restart(stage);
    wait(stage, minutes * MINUTE_MS - 1);
    const [result] = await reconcileAll(stage);
    assert.ok(result?.deferral, `${minutes} minutes`);
    assert.equal(orders(stage), made);
    wait(stage, 1);
  }
});

test('a pause that the CA asked for survives a restart, and holds for certificates that were not part of it', async (t) => {
  const stage = await setStage(t, { certificates: [[DOMAIN], ['www.example.com']] });
  const [first, second] = stage.certificates;
  assert.ok(second);
  const outage = problemError(readProblem({ detail: 'maintenance' }, 503), HOUR_MS);
  stage.client.before = (call) => {
    if (call.startsWith('createOrder')) throw outage;
  };
  await reconcileAll({ ...stage, certificates: [first] });
  const until = new Date(stage.clock.now().getTime() + HOUR_MS);
  stage.client.before = () => undefined;
  const made = orders(stage);
  restart(stage);
  wait(stage, HOUR_MS / 2);
  const [deferred] = await reconcileAll({ ...stage, certificates: [second] });
  assert.deepEqual(deferred?.deferral?.until, until);
  assert.equal(orders(stage), made);
  stage.clock.set(until);
  await reconcileAll({ ...stage, certificates: [second] });
  assert.equal(orders(stage), made + 1);
});

test('near the end of a certificate the back-off is at most a quarter of what is left', async (t) => {
  const stage = await setStage(t);
  await stage.store(89);
  stage.client.validation = [{ status: 'invalid' }];
  let last = 0;
  for (let attempt = 0; attempt < 4; attempt += 1) {
    const [result] = await reconcileAll(stage);
    assert.ok(result?.deferral);
    last = result.deferral.until.getTime() - stage.clock.now().getTime();
    stage.clock.set(result.deferral.until);
  }
  assert.ok(last <= 6 * HOUR_MS, `${last / HOUR_MS} hours`);
});

test('the challenge of an open order stays while its certificate cannot be loaded', async (t) => {
  const stage = await setStage(t);
  const stop = new AbortController();
  stage.client.before = (call) => {
    if (!call.startsWith('respond')) return;
    stop.abort(new Error('stopped'));
    fails(stage, 'apply', 'PROVIDER_UNREACHABLE');
  };
  await assert.rejects(reconcileAll(stage, stop.signal));
  stage.client.before = () => undefined;
  stage.provider.before = () => undefined;
  restart(stage);
  const challenges = () => stage.provider.current.filter((line) => line.startsWith(`${CHALLENGE} `));
  const [challenge] = challenges();
  assert.ok(challenge);
  const { store } = stage.deps;
  change(stage, { store: { ...store, load: () => Promise.reject(failure('STORE_FAILED')) } });
  const [result] = await reconcileAll(stage);
  assert.ok(result && result.failures.length > 0);
  assert.deepEqual(challenges(), [challenge]);
  change(stage, { store });
  await reconcileOne(stage);
  assert.deepEqual([orders(stage), challenges()], [1, []]);
});
