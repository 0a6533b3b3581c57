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
import { IngressError } from '../errors.ts';

/** Lets the volume refuse every write. */
function fill(stage: Stage): () => void {
  const { store } = stage.deps;
  change(stage, { store: { ...store, save: () => Promise.reject(failure('STORE_FAILED')) } });
  return () => change(stage, { store });
}

test('a volume that takes nothing: it is served, not ordered again, and stored later', async (t) => {
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

test('a full volume does not hold back what was issued for a renewal', async (t) => {
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

test('no order before its time, and one after it', async (t) => {
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
  assert.deepEqual(stage.provider.standing, RECORDS, 'the records do not wait');
  stage.clock.set(notBefore);
  await reconcileOne(stage);
  assert.equal(orders(stage), 1);
});
const refusedCertificates: [title: string, wish: Stage['client']['certificateOverrides'], why: RegExp][] = [
  ['for another name', { names: ['www.example.com'] }, /it is for www\.example\.com/],
  ['that has expired', { notAfter: new Date('2026-11-23T23:59:59Z') }, /it expired/],
  [
    'that would have to be renewed at once',
    { notBefore: new Date('2026-09-20T00:00:00Z') },
    /already due for renewal/,
  ],
];
for (const [title, wish, why] of refusedCertificates) {
  test(`a new certificate ${title} replaces nothing`, async (t) => {
    const stage = await setStage(t);
    const old = await stage.store(80);
    stage.client.certificateOverrides = wish;
    await assert.rejects(reconcileOne(stage), (thrown) => {
      assert.ok(thrown instanceof IngressError);
      assert.equal(thrown.code, 'CERTIFICATE_UNUSABLE');
      assert.match(thrown.message, why);
      return true;
    });
    assert.equal((await stage.deps.store.load([DOMAIN]))?.facts.serial, old.facts.serial);
    assert.equal(stage.served.length, 1);
  });
}
