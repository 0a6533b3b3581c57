import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { failure, orders, RECORDS, reconcileOne, setStage } from '../../test/harness/stage.ts';

test('a challenge that cannot be removed is a failure after the certificate is served, and the next run prunes it', async (t) => {
  const stage = await setStage(t);
  stage.provider.before = (verb, changes) => {
    if (verb === 'apply' && changes.some(({ action }) => action === 'remove'))
      throw failure('PROVIDER_UNAVAILABLE');
  };
  await assert.rejects(reconcileOne(stage), { code: 'PROVIDER_UNAVAILABLE' });
  assert.equal(stage.served.length, 1);
  stage.provider.before = () => undefined;
  await reconcileOne(stage);
  assert.deepEqual(stage.provider.current, RECORDS);
  assert.equal(orders(stage), 1);
});

test('an abort during an order removes the challenge', async (t) => {
  const stage = await setStage(t);
  const abort = new AbortController();
  stage.client.before = (call) => {
    if (call.startsWith('pollAuthorization')) abort.abort(new Error('stopped'));
  };
  stage.client.validation = [{ status: 'pending' }];
  await assert.rejects(reconcileOne(stage, abort.signal), /stopped/);
  assert.deepEqual(stage.provider.current, RECORDS);
  assert.deepEqual(await stage.journal.entries(), []);
});

test('a removal that hangs is aborted after 15 seconds, and after 4 while the process stops', async (t: TestContext) => {
  const stage = await setStage(t);
  const limits: number[] = [];
  t.mock.method(AbortSignal, 'timeout', (ms: number) => {
    // Lookups have shorter timeouts.
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

test('a failed order leaves no challenge, and its failure is reported', async (t) => {
  const stage = await setStage(t);
  stage.client.validation = [{ status: 'invalid', error: { detail: 'no TXT record found' } }];
  await assert.rejects(reconcileOne(stage), { code: 'ACME_ORDER_FAILED' });
  assert.deepEqual(stage.provider.current, RECORDS);
  assert.ok(stage.events().includes('challenge-removed'));
});

test('a challenge that the provider rejected is not reported as removed', async (t) => {
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
