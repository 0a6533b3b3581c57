import assert from 'node:assert/strict';
import { test } from 'node:test';
import acme from 'acme-client';
import { createFakeClock } from './fake-clock.ts';
import { createMemoryAuthority } from './memory-authority.ts';

const NAME = 'app.example.com';
const never = new AbortController().signal;

test('an order can be looked up in each of its states, and made to be in another', async () => {
  const authority = createMemoryAuthority(createFakeClock());
  const url = 'https://ca.example/order/1';
  const look = async () => (await authority.order(url, never))?.status;
  assert.equal(await look(), undefined);
  const { order } = await authority.createOrder({ names: [NAME] }, never);
  assert.equal(order.url, url);
  assert.equal(await look(), 'pending');
  for (const authorization of await authority.authorizations(order, never))
    await authority.pollAuthorization(authorization, never);
  assert.equal(await look(), 'ready');
  authority.issuance = [{ status: 'processing' }, { status: 'valid' }];
  const [, csr] = await acme.crypto.createCsr({ altNames: [NAME] });
  await authority.finalize(order, csr.toString(), never);
  assert.equal(await look(), 'processing');
  await authority.pollOrder(order, never);
  assert.equal(await look(), 'valid');
  authority.orders.set(url, undefined).set('https://ca.example/order/2', { status: 'invalid' });
  assert.equal(await look(), undefined);
  const other = await authority.order('https://ca.example/order/2', never);
  assert.deepEqual([other?.status, other?.url], ['invalid', 'https://ca.example/order/2']);
});

test('what is ordered stands in the calls, and replaces what it may', async () => {
  const authority = createMemoryAuthority(createFakeClock());
  const request = { names: [NAME, `*.${NAME}`], replaces: 'a.b', profile: 'short' };
  assert.equal((await authority.createOrder(request, never)).replaces, true);
  authority.takesReplacements = false;
  assert.equal((await authority.createOrder(request, never)).replaces, false);
  const call = `createOrder ${NAME} *.${NAME} replaces a.b profile short`;
  assert.deepEqual(authority.calls, [call, call]);
});

test('clock and advice are as they are set', async () => {
  const authority = createMemoryAuthority(createFakeClock());
  authority.skewMs = 7000;
  authority.advice = { body: {}, retryAfterMs: 1 };
  await authority.ready(never);
  assert.equal(authority.clockSkewMs(), 7000);
  assert.deepEqual(await authority.renewalInfo('a.b', never), { body: {}, retryAfterMs: 1 });
  assert.deepEqual(authority.calls, ['ready', 'renewalInfo a.b']);
});
