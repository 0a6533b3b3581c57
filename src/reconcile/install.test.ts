import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  change,
  DOMAIN,
  failure,
  orders,
  reconcileAll,
  reconcileOne,
  setStage,
} from '../../test/harness/stage.ts';
import type { CertificateNames } from '../certificates/certificate.ts';
import { IngressError } from '../errors.ts';

test('an expired certificate is not served, and is replaced', async (t) => {
  const stage = await setStage(t);
  const expired = await stage.store(91);
  await reconcileOne(stage);
  assert.equal(stage.served.length, 1);
  assert.notEqual(stage.served[0]?.facts.serial, expired.facts.serial);
});

test('a certificate that the proxy does not accept is installed again by the next run', async (t) => {
  const stage = await setStage(t);
  await stage.store(1);
  const { serve } = stage.deps;
  change(stage, { serve: () => Promise.reject(failure('HANDSHAKE_FAILED')) });
  await assert.rejects(reconcileOne(stage), { code: 'HANDSHAKE_FAILED' });
  change(stage, { serve });
  await reconcileOne(stage);
  assert.equal(stage.served.length, 1);
});

test('mismatched files are reported, and a certificate is ordered', async (t) => {
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

test('where the volume cannot be read, nothing is ordered', async (t) => {
  const stage = await setStage(t);
  const load = () => Promise.reject(failure('STORE_FAILED'));
  change(stage, { store: { ...stage.deps.store, load } });
  await assert.rejects(reconcileOne(stage), { code: 'STORE_FAILED' });
  assert.equal(orders(stage), 0);
});

test('each name that the proxy does not serve is reported', async (t) => {
  const names: CertificateNames = [DOMAIN, 'www.example.com'];
  const stage = await setStage(t, { certificates: [names] });
  await stage.store(1, names);
  change(stage, {
    serve: (name) => Promise.reject(new IngressError('HANDSHAKE_FAILED', `no handshake for ${name}`)),
  });
  const [result] = await reconcileAll(stage);
  assert.deepEqual(
    result?.failures.map(({ step, failure }) => [step, Object(failure).message]),
    names.map((name) => ['serving', `no handshake for ${name}`]),
  );
});
