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

/** Lets the volume refuse every write. */
function fill(stage: Stage): () => void {
  const { store } = stage.deps;
  change(stage, { store: { ...store, save: () => Promise.reject(failure('STORE_FAILED')) } });
  return () => change(stage, { store });
}

test('a first certificate that cannot be stored is served, not ordered again, and stored later', async (t) => {
  const stage = await setStage(t);
  const empty = fill(stage);
  await assert.rejects(reconcileOne(stage), { code: 'STORE_FAILED' });
  await assert.rejects(reconcileOne(stage), { code: 'STORE_FAILED' });
  assert.equal(stage.served.length, 1);
  assert.equal(orders(stage), 1);
  const { ledger, orders: openOrders } = stage.deps.authorities.primary;
  assert.ok((await openOrders.load(DOMAIN))?.keyPem, 'the next process downloads it again');
  empty();
  await reconcileOne(stage);
  assert.equal(orders(stage), 1);
  assert.equal(stage.served.length, 1);
  const stored = await stage.deps.store.load([DOMAIN]);
  assert.equal(stored?.facts.fingerprint256, stage.served[0]?.facts.fingerprint256);
  assert.equal(stage.certificates[0].state.unsaved, undefined);
  assert.equal((await ledger.history()).lastIssued([DOMAIN])?.serial, stored?.facts.serial);
  assert.equal(await openOrders.load(DOMAIN), undefined);
});

test('a renewed certificate that cannot be stored is served and not ordered again', async (t) => {
  const stage = await setStage(t);
  const old = await stage.store(80);
  const empty = fill(stage);
  await assert.rejects(reconcileOne(stage), { code: 'STORE_FAILED' });
  await assert.rejects(reconcileOne(stage), { code: 'STORE_FAILED' });
  assert.deepEqual(
    stage.served.map(({ facts }) => facts.serial === old.facts.serial),
    [true, false],
  );
  assert.equal(orders(stage), 1);
  empty();
  await reconcileOne(stage);
  assert.equal(orders(stage), 1);
});

test('an order is deferred until the ledger permits it', async (t) => {
  const stage = await setStage(t);
  const notBefore = new Date(stage.clock.now().getTime() + 1);
  const { ledger } = stage.deps.authorities.primary;
  await ledger.write({
    ...{ event: 'failed', names: [DOMAIN], code: 'ACME_ORDER_FAILED', refused: true },
    notBefore: notBefore.toISOString(),
  });
  await reconcileOne(stage);
  assert.equal(orders(stage), 0);
  assert.ok(stage.events().includes('order-held-back'));
  assert.deepEqual(stage.provider.current, RECORDS, 'the records are published in the meantime');
  stage.clock.set(notBefore);
  await reconcileOne(stage);
  assert.equal(orders(stage), 1);
});
const refusedCertificates: [title: string, overrides: Stage['client']['certificateOverrides']][] = [
  ['for another name', { names: ['www.example.com'] }],
  ['that has expired', { notAfter: new Date('2026-11-23T23:59:59Z') }],
  ['that is already due for renewal', { notBefore: new Date('2026-09-20T00:00:00Z') }],
];
for (const [title, overrides] of refusedCertificates) {
  test(`a new certificate ${title} replaces nothing`, async (t) => {
    const stage = await setStage(t);
    const old = await stage.store(80);
    stage.client.certificateOverrides = overrides;
    await assert.rejects(reconcileOne(stage), { code: 'CERTIFICATE_UNUSABLE' });
    assert.equal((await stage.deps.store.load([DOMAIN]))?.facts.serial, old.facts.serial);
    assert.equal(stage.served.length, 1);
  });
}
