import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  CHALLENGE,
  change,
  DOMAIN,
  failure,
  orders,
  RECORDS,
  reconcileAll,
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

test('what cannot be served any more is not handed to the proxy, and is replaced', async (t) => {
  const stage = await setStage(t);
  const expired = await stage.store(91);
  await reconcileOne(stage);
  assert.equal(stage.served.length, 1);
  assert.notEqual(stage.served[0]?.facts.serial, expired.facts.serial);
});

test('a proxy that does not take the certificate gets it again in the next pass', async (t) => {
  const stage = await setStage(t);
  await stage.store(1);
  const { serve } = stage.deps;
  change(stage, { serve: () => Promise.reject(failure('HANDSHAKE_FAILED')) });
  await assert.rejects(reconcileOne(stage), { code: 'HANDSHAKE_FAILED' });
  change(stage, { serve });
  await reconcileOne(stage);
  assert.equal(stage.served.length, 1);
});

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

test('an alias at the challenge name is one error before anything is ordered or written', async (t) => {
  const stage = await setStage(t);
  stage.provider.plant({ name: DOMAIN, type: 'CNAME', value: 'in-use.example.org', ttl: 60 });
  stage.provider.plant({ name: CHALLENGE, type: 'CNAME', value: 'x.example.org', ttl: 60 });
  await assert.rejects(reconcileOne(stage), (thrown) => {
    assert.ok(thrown instanceof IngressError);
    assert.equal(thrown.code, 'CHALLENGE_NAME_IS_ALIAS');
    assert.match(thrown.message, /_acme-challenge\.app\.example\.com is an alias of x\.example\.org/);
    return true;
  });
  assert.equal(orders(stage), 0);
  assert.deepEqual(stage.provider.applied, [], 'whoever set it may be serving the name');
  const [result] = await reconcileAll(stage, new AbortController().signal);
  assert.equal(result?.failures.length, 1);
  await stage.store(80);
  await assert.rejects(reconcileOne(stage), { code: 'CHALLENGE_NAME_IS_ALIAS' });
  assert.equal(stage.provider.applied.length, 1, 'the records of a name that is served are kept right');
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

test('a challenge that cannot be removed does not lose the certificate, and has the next pass come soon, which sweeps it', async (t) => {
  const stage = await setStage(t);
  stage.provider.before = (verb, changes) => {
    if (verb === 'apply' && changes.some(({ action }) => action === 'remove'))
      throw failure('PROVIDER_UNAVAILABLE');
  };
  await assert.rejects(reconcileOne(stage), { code: 'PROVIDER_UNAVAILABLE' });
  assert.equal(stage.served.length, 1);
  stage.provider.before = () => undefined;
  await reconcileOne(stage);
  assert.deepEqual(stage.provider.standing, RECORDS);
  assert.equal(orders(stage), 1);
});

test('after an abort in the middle of an order the challenge is removed all the same', async (t) => {
  const stage = await setStage(t);
  const abort = new AbortController();
  stage.client.before = (call) => {
    if (call.startsWith('pollAuthorization')) abort.abort(new Error('stopped'));
  };
  stage.client.validation = [{ status: 'pending' }];
  await assert.rejects(reconcileOne(stage, abort.signal), /stopped/);
  assert.deepEqual(stage.provider.standing, RECORDS);
  assert.deepEqual(await stage.journal.entries(), []);
});

test('a removal that hangs is given up after fifteen seconds, and after four when all is stopped', async (t: TestContext) => {
  const stage = await setStage(t);
  const limits: number[] = [];
  t.mock.method(AbortSignal, 'timeout', (ms: number) => {
    // Shorter ones are of look-ups.
    if (ms >= 4000) limits.push(ms);
    return AbortSignal.abort(new Error('too long'));
  });
  await assert.rejects(reconcileOne(stage), /too long/);
  assert.deepEqual(limits, [15_000]);
  assert.equal(stage.served.length, 1);
  const stopping = await setStage(t);
  const abort = new AbortController();
  stopping.client.before = (call) => {
    if (call.startsWith('respond')) abort.abort(new Error('stopped'));
  };
  await assert.rejects(reconcileOne(stopping, abort.signal), /stopped/);
  assert.deepEqual(limits, [15_000, 4000]);
});

test('an order that fails leaves no challenge, and its reason is thrown', async (t) => {
  const stage = await setStage(t);
  stage.client.validation = [{ status: 'invalid', error: { detail: 'no TXT record found' } }];
  await assert.rejects(reconcileOne(stage), { code: 'ACME_ORDER_FAILED' });
  assert.deepEqual(stage.provider.standing, RECORDS);
  assert.ok(stage.events().includes('challenge-removed'));
});

test('a challenge that the provider refused is not said to be removed', async (t) => {
  const stage = await setStage(t);
  stage.provider.before = (verb, changes) => {
    if (verb === 'apply' && changes.some(({ action }) => action === 'create'))
      throw failure('PROVIDER_PERMISSION_MISSING');
  };
  await assert.rejects(reconcileOne(stage), { code: 'PROVIDER_PERMISSION_MISSING' });
  await assert.rejects(reconcileOne(stage), { code: 'PROVIDER_PERMISSION_MISSING' });
  assert.deepEqual(
    stage.events().filter((event) => String(event).startsWith('challenge-')),
    [],
  );
});

test('files that fit nobody are told of, and replaced', async (t) => {
  const stage = await setStage(t);
  const { store } = stage.deps;
  let loads = 0;
  const load = async () => {
    loads += 1;
    throw failure('CERTIFICATE_UNUSABLE');
  };
  change(stage, { store: { ...store, load } });
  await reconcileOne(stage);
  assert.ok(stage.events().includes('certificate-unusable'));
  assert.deepEqual([loads, orders(stage), stage.served.length], [1, 1, 1]);
});

test('a volume that cannot be read orders nothing', async (t) => {
  const stage = await setStage(t);
  const load = () => Promise.reject(failure('STORE_FAILED'));
  change(stage, { store: { ...stage.deps.store, load } });
  await assert.rejects(reconcileOne(stage), { code: 'STORE_FAILED' });
  assert.equal(orders(stage), 0);
});
