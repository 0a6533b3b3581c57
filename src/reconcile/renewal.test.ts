import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  change,
  DOMAIN,
  failure,
  orders,
  RECORDS,
  reconcileOne,
  type Stage,
  setStage,
} from '../../test/harness/stage.ts';
import { certificateId } from '../certificates/renewal/ari.ts';
import { addToJournal } from '../records/journal.ts';
import { decide } from './renewal.ts';

const never = new AbortController().signal;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A certificate that the CA in memory has issued, and its ARI id. */
async function issued(stage: Stage) {
  await reconcileOne(stage);
  const stored = await stage.deps.store.peek([DOMAIN]);
  assert.ok(stored);
  const id = certificateId(stored.chainPem);
  assert.ok(id);
  return {
    stored,
    id,
    queries: () => stage.client.calls.filter((call) => call.startsWith('renewalInfo')).length,
  };
}

/** A window of an hour that begins this many days from now. */
function window({ clock }: Stage, days: number) {
  const start = clock.now().getTime() + days * DAY_MS;
  return { start: new Date(start), end: new Date(start + HOUR_MS) };
}

test('the CA is queried for advice once, and again when its Retry-After is over, also after a restart', async (t) => {
  const stage = await setStage(t);
  const { stored, id, queries } = await issued(stage);
  stage.client.renewalWindows.set(id, window(stage, 40));
  const first = await decide(stage.deps, { certificate: stage.certificates[0], stored }, never);
  assert.deepEqual([first.action, first.rule], ['keep', 'advice']);
  change(stage, { shared: { ...stage.deps.shared, silentUntil: new Map() } });
  await decide(stage.deps, { certificate: stage.certificates[0], stored }, never);
  assert.equal(queries(), 1);
  stage.client.renewalWindows.set(id, window(stage, -1));
  stage.clock.set(new Date(stage.clock.now().getTime() + 7 * HOUR_MS));
  assert.equal(
    (await decide(stage.deps, { certificate: stage.certificates[0], stored }, never)).action,
    'order',
  );
  assert.equal(queries(), 2);
});

test('a CA that does not respond is not queried for each certificate, and its last advice applies', async (t) => {
  const stage = await setStage(t);
  const { stored, id, queries } = await issued(stage);
  stage.client.renewalWindows.set(id, window(stage, 40));
  await decide(stage.deps, { certificate: stage.certificates[0], stored }, never);
  stage.clock.set(new Date(stage.clock.now().getTime() + 7 * HOUR_MS));
  stage.client.before = (call) => {
    if (call.startsWith('renewalInfo')) throw failure('ACME_UNREACHABLE');
  };
  for (let call = 0; call < 3; call += 1)
    assert.equal(
      (await decide(stage.deps, { certificate: stage.certificates[0], stored }, never)).rule,
      'advice',
    );
  assert.equal(queries(), 2);
});

test('a CA that did not respond is queried again after the clock was set back', async (t) => {
  const stage = await setStage(t);
  const { stored, id, queries } = await issued(stage);
  stage.client.renewalWindows.set(id, window(stage, 40));
  stage.client.before = (call) => {
    if (call.startsWith('renewalInfo')) throw failure('ACME_UNREACHABLE');
  };
  for (let call = 0; call < 2; call += 1)
    await decide(stage.deps, { certificate: stage.certificates[0], stored }, never);
  assert.equal(queries(), 1);
  stage.clock.set(new Date(stage.clock.now().getTime() - DAY_MS));
  await decide(stage.deps, { certificate: stage.certificates[0], stored }, never);
  assert.equal(queries(), 2);
});

test('the order of a renewal names the certificate that it replaces', async (t) => {
  const stage = await setStage(t);
  const { id } = await issued(stage);
  stage.client.renewalWindows.set(id, window(stage, -1));
  // By then no resolver caches the challenge of the first order.
  stage.clock.set(new Date(stage.clock.now().getTime() + HOUR_MS));
  await reconcileOne(stage);
  assert.equal(orders(stage), 2);
  assert.ok(stage.client.calls.includes(`createOrder ${DOMAIN} replaces ${id}`));
});

test('a RENEW_DAYS_BEFORE that cannot be followed is a warning', async (t) => {
  const stage = await setStage(t, { spec: { renewDaysBefore: 80 } });
  const stored = await stage.store(1);
  await decide(stage.deps, { certificate: stage.certificates[0], stored }, never);
  const warnings = stage.emitted.filter(({ type }) => type === 'warning');
  assert.equal(warnings.length, 1);
});

test('an order whose certificate is stored is closed, and its challenge removed', async (t) => {
  const stage = await setStage(t);
  const { orders: openOrders } = stage.deps.authorities.primary;
  let order: Awaited<ReturnType<typeof openOrders.load>>;
  stage.client.before = async (call) => {
    if (call === 'downloadCertificate') order = await openOrders.load(DOMAIN);
  };
  await reconcileOne(stage);
  assert.ok(order);
  // The state after a crash between storing the certificate and closing the order.
  await openOrders.save(DOMAIN, order);
  const [value] = order.values ?? [];
  assert.ok(value);
  const zone = await stage.deps.provider.zone(DOMAIN, never);
  const record = { name: value.name, type: 'TXT', value: value.value, ttl: 60 };
  await addToJournal(stage.deps, zone, [{ ...record, domain: DOMAIN }]);
  stage.provider.plant(record);
  await reconcileOne(stage);
  assert.equal(await openOrders.load(DOMAIN), undefined);
  assert.deepEqual(stage.provider.current, RECORDS);
  assert.deepEqual(await stage.journal.entries(), []);
  assert.equal(orders(stage), 1);
});
