import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHALLENGE, DOMAIN, orders, reconcileAll, reconcileOne, setStage } from '../../test/harness/stage.ts';
import type { Rr } from '../dns/query.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
test('CAA that forbids the certificate prevents the order, but not near the end of a certificate', async (t) => {
  const stage = await setStage(t);
  stage.provider.plant({ name: DOMAIN, type: 'CAA', value: '0 issue "other.example"', ttl: 60 });
  await assert.rejects(reconcileOne(stage), { code: 'CAA_FORBIDS' });
  assert.equal(orders(stage), 0);
  await stage.store(80);
  await reconcileOne(stage);
  assert.ok(stage.events().includes('caa-unclear'));
  assert.equal(orders(stage), 1);
});

test('the CAA check counts the record that is about to be published', async (t) => {
  const caa: Rr = { name: 'example.com', type: 'CAA', value: '0 issue "other.example"' };
  const stage = await setStage(t, {
    spec: { setCaa: true },
    known: { 'example.com CAA': { answers: [caa] } },
  });
  await reconcileOne(stage);
  assert.equal(orders(stage), 1);
  const without = await setStage(t, { known: { 'example.com CAA': { answers: [caa] } } });
  await assert.rejects(reconcileOne(without), { code: 'CAA_FORBIDS' });
});

test('a failed CAA lookup does not prevent the order', async (t) => {
  const stage = await setStage(t, { known: { 'example.com CAA': 'fails' } });
  await reconcileOne(stage);
  assert.ok(stage.events().includes('caa-unclear'));
  assert.equal(orders(stage), 1);
});

test('a clock that is hours off prevents a renewal, but not a first certificate', async (t) => {
  const stage = await setStage(t);
  stage.client.skewMs = 5 * HOUR_MS;
  await reconcileOne(stage);
  assert.equal(orders(stage), 1);
  const renewing = await setStage(t);
  renewing.client.skewMs = 5 * HOUR_MS;
  await renewing.store(65);
  await assert.rejects(reconcileOne(renewing), { code: 'CLOCK_WRONG' });
  assert.equal(orders(renewing), 0);
});

test('a CNAME at the challenge name is one failure before an order or a write', async (t) => {
  const stage = await setStage(t);
  stage.provider.plant({ name: DOMAIN, type: 'CNAME', value: 'in-use.example.org', ttl: 60 });
  stage.provider.plant({ name: CHALLENGE, type: 'CNAME', value: 'x.example.org', ttl: 60 });
  await assert.rejects(reconcileOne(stage), { code: 'CHALLENGE_NAME_IS_ALIAS' });
  assert.equal(orders(stage), 0);
  assert.deepEqual(stage.provider.applied, [], 'another program may be serving the name');
  const [result] = await reconcileAll(stage, new AbortController().signal);
  assert.equal(result?.failures.length, 1);
  await stage.store(80);
  await assert.rejects(reconcileOne(stage), { code: 'CHALLENGE_NAME_IS_ALIAS' });
  assert.equal(stage.provider.applied.length, 1, 'the records of a name with a certificate are written');
});
