import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { test } from 'node:test';
import {
  createMemoryAccountStore,
  createScriptedClient,
  type ScriptedResponse,
  signedResponses,
  startScriptedCa,
} from '../../test/harness/ca/scripted-ca.ts';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { isIngressError } from '../errors.ts';
import { isProblem, problemOf } from './problem.ts';

const never = new AbortController().signal;
const NAMES = ['app.example.test'];
const IDENTIFIERS = [{ type: 'dns', value: NAMES[0] }];
const MINUTE = 60_000;

const problem = (type: string, status: number): ScriptedResponse => ({
  status,
  body: { type: `urn:ietf:params:acme:error:${type}`, detail: 'no' },
});
const orderWith = (fields: object): ScriptedResponse => ({
  status: 201,
  headers: { location: 'https://ca.example/order/1' },
  body: { status: 'pending', ...fields },
});
const withRenewalInfo = (base: string) => ({ renewalInfo: `${base}/ari`, meta: { profiles: { short: '' } } });

test('an order is a replacement if the CA repeats the field', async (t) => {
  for (const [fields, replaces] of [
    [{ replaces: 'a.b' }, true],
    [{ replaces: 'c.d' }, false],
    [{}, false],
  ] as const) {
    const { listener, posts } = signedResponses([orderWith(fields)], withRenewalInfo);
    const client = await createScriptedClient(t, listener);
    const made = await client.createOrder({ names: NAMES, replaces: 'a.b', profile: 'short' }, never);
    assert.equal(made.replaces, replaces);
    assert.equal(made.order.url, 'https://ca.example/order/1');
    assert.deepEqual(posts, [{ identifiers: IDENTIFIERS, replaces: 'a.b', profile: 'short' }]);
  }
});

test('`replaces` is not sent to a CA without renewalInfo', async (t) => {
  const { listener, posts } = signedResponses([orderWith({})]);
  const client = await createScriptedClient(t, listener);
  assert.equal((await client.createOrder({ names: NAMES, replaces: 'a.b' }, never)).replaces, false);
  assert.deepEqual(posts, [{ identifiers: IDENTIFIERS }]);
});

test('an order that is refused as a replacement is created without `replaces`, with its profile', async (t) => {
  const { listener, posts } = signedResponses(
    [problem('alreadyReplaced', 409), orderWith({})],
    withRenewalInfo,
  );
  const client = await createScriptedClient(t, listener);
  const made = await client.createOrder({ names: NAMES, replaces: 'a.b', profile: 'short' }, never);
  assert.equal(made.replaces, false);
  assert.deepEqual(posts, [
    { identifiers: IDENTIFIERS, replaces: 'a.b', profile: 'short' },
    { identifiers: IDENTIFIERS, profile: 'short' },
  ]);
});

for (const [type, status] of [
  ['rateLimited', 429],
  ['userActionRequired', 403],
] as const) {
  test(`${type} does not concern the replacement: no second order is created`, async (t) => {
    const { listener, posts } = signedResponses([problem(type, status)], withRenewalInfo);
    const client = await createScriptedClient(t, listener);
    await assert.rejects(client.createOrder({ names: NAMES, replaces: 'a.b' }, never), (thrown) =>
      isProblem(thrown, type),
    );
    assert.equal(posts.length, 1);
  });
}

test('a refusal of the second order is thrown: there is no third', async (t) => {
  const { listener, posts } = signedResponses(
    [problem('alreadyReplaced', 409), problem('malformed', 400)],
    withRenewalInfo,
  );
  const client = await createScriptedClient(t, listener);
  await assert.rejects(client.createOrder({ names: NAMES, replaces: 'a.b' }, never), (thrown) =>
    isProblem(thrown, 'malformed'),
  );
  assert.equal(posts.length, 2);
});

test('an unknown profile is found in the directory, without a signed request', async (t) => {
  const { listener, posts } = signedResponses([orderWith({})]);
  const client = await createScriptedClient(t, listener, { accounts: createMemoryAccountStore() });
  await assert.rejects(client.createOrder({ names: NAMES, profile: 'short' }, never), {
    code: 'ACME_PROFILE_UNKNOWN',
    details: { profile: 'short', available: [] },
  });
  assert.deepEqual(posts, []);
});

test('assertOrderable checks the directory, without a signed request', async (t) => {
  const { listener, posts } = signedResponses([orderWith({})]);
  const client = await createScriptedClient(t, listener, { accounts: createMemoryAccountStore() });
  await client.assertOrderable(undefined, never);
  await assert.rejects(client.assertOrderable('short', never), { code: 'ACME_PROFILE_UNKNOWN' });
  assert.deepEqual(posts, []);
});

const lookups: [title: string, scripted: ScriptedResponse, found: string | undefined][] = [
  ['that exists', { body: { status: 'ready' } }, 'ready'],
  ['that is gone', { status: 404, body: '' }, undefined],
  ['whose URL is malformed', problem('malformed', 400), undefined],
  ['of another account', problem('unauthorized', 403), undefined],
  ['of an unknown account', problem('accountDoesNotExist', 400), undefined],
];
for (const [title, scripted, found] of lookups) {
  test(`findOrder of an order ${title} gives ${found}, with one request`, async (t) => {
    const { listener, posts } = signedResponses([scripted]);
    const url = `${await startScriptedCa(t, listener)}/order/1`;
    const order = await (await createScriptedClient(t, listener)).findOrder(url, never);
    assert.equal(order?.status, found);
    assert.deepEqual(posts, [undefined], 'POST-as-GET');
  });
}

test('findOrder throws if the CA is unavailable', async (t) => {
  const { listener } = signedResponses([{ status: 503, headers: { 'retry-after': '3600' }, body: '' }]);
  const client = await createScriptedClient(t, listener);
  const url = `${await startScriptedCa(t, listener)}/order/1`;
  await assert.rejects(client.findOrder(url, never), { code: 'ACME_PROBLEM', retryAfterMs: 3_600_000 });
});

test('503 with a long Retry-After is thrown without a retry', async (t) => {
  const { listener, posts } = signedResponses([
    { status: 503, headers: { 'retry-after': '3600' }, body: '' },
  ]);
  const clock = createFakeClock();
  const client = await createScriptedClient(t, listener, { clock });
  await assert.rejects(client.createOrder({ names: NAMES }, never), { retryAfterMs: 3_600_000 });
  assert.equal(posts.length, 1);
  assert.deepEqual(clock.waits, []);
});

test('503 with a short Retry-After is retried three times, then thrown with it', async (t) => {
  const { listener, posts } = signedResponses([{ status: 503, headers: { 'retry-after': '5' }, body: '' }]);
  const clock = createFakeClock();
  const client = await createScriptedClient(t, listener, { clock });
  await assert.rejects(client.createOrder({ names: NAMES }, never), { retryAfterMs: 5000 });
  assert.equal(posts.length, 4);
  assert.deepEqual(clock.waits, [5000, 5000, 5000]);
});

test('a response that acme-client cannot use is ACME_BAD_ANSWER', async (t) => {
  const { listener } = signedResponses([{ status: 201, body: { status: 'pending' } }]);
  const client = await createScriptedClient(t, listener);
  await assert.rejects(client.createOrder({ names: NAMES }, never), { code: 'ACME_BAD_ANSWER' });
});

/** A CA with a fixed Date header that records user agents. */
function datedCa(date: Date) {
  const agents = new Set<string | undefined>();
  const { listener: respond } = signedResponses([{ body: { status: 'pending' } }]);
  const listener: RequestListener = (request, response) => {
    agents.add(request.headers['user-agent']);
    response.setHeader('date', date.toUTCString());
    respond(request, response);
  };
  return { agents, listener };
}

test('concurrent clients keep their clocks, skews and user agents apart', async (t) => {
  const now = new Date('2026-11-24T00:00:00Z');
  const stages = [0, 10, 20].map((minutes, index) => {
    const ca = datedCa(new Date(now.getTime() + minutes * MINUTE));
    const userAgent = `dstack-ingress/${index}`;
    const clock = createFakeClock(new Date(now.getTime() - index * MINUTE));
    return { ...ca, minutes, index, userAgent, clock };
  });
  await Promise.all(
    stages.map(async ({ listener, userAgent, clock, minutes, index }) => {
      const client = await createScriptedClient(t, listener, { userAgent, clock });
      const url = `${await startScriptedCa(t, listener)}/order/1`;
      await Promise.all([0, 1, 2].map(() => client.findOrder(url, never)));
      assert.equal(client.clockSkewMs(), (minutes + index) * MINUTE);
    }),
  );
  for (const { agents, userAgent } of stages) assert.deepEqual([...agents], [userAgent]);
});

test('refreshClockSkew requests a nonce every ten minutes, and after our clock was set', async (t) => {
  const start = new Date('2026-11-24T00:00:00Z');
  const clock = createFakeClock(start);
  let requests = 0;
  const { listener } = datedCa(start);
  const client = await createScriptedClient(
    t,
    (request, response) => {
      requests += request.method === 'HEAD' ? 1 : 0;
      listener(request, response);
    },
    { clock },
  );
  const steps: [minutes: number, requests: number][] = [
    [0, 1],
    [9, 1],
    [10, 2],
    [19, 2],
    [18, 2],
    [200, 3],
    [100, 4],
  ];
  for (const [minutes, times] of steps) {
    clock.set(new Date(start.getTime() + minutes * MINUTE));
    await client.refreshClockSkew(never);
    assert.equal(requests, times, `at ${minutes} minutes`);
  }
  assert.equal(client.clockSkewMs(), -100 * MINUTE);
});

const directories: [title: string, more: object, posts: number][] = [
  ['the directory says so', { meta: { externalAccountRequired: true } }, 0],
  ['only the refusal says so', {}, 1],
];
for (const [title, more, count] of directories) {
  test(`a CA requires a binding, and ${title}`, async (t) => {
    const { listener, posts } = signedResponses([problem('externalAccountRequired', 403)], () => more);
    const client = await createScriptedClient(t, listener, { accounts: createMemoryAccountStore() });
    await assert.rejects(client.accountUrl(never), { code: 'ACME_ACCOUNT_BINDING_MISSING' });
    assert.equal(posts.length, count);
  });
}

test('userActionRequired keeps the page and the terms of service (RFC 8555 §7.3.3)', async (t) => {
  const instance = 'https://ca.example/acme/agreement';
  const { listener } = signedResponses([
    {
      status: 403,
      headers: { link: '<https://ca.example/terms>;rel="terms-of-service"' },
      body: { type: 'urn:ietf:params:acme:error:userActionRequired', detail: 'New terms', instance },
    },
  ]);
  const client = await createScriptedClient(t, listener);
  await assert.rejects(client.createOrder({ names: NAMES }, never), (thrown) => {
    assert.ok(isIngressError(thrown, 'ACME_PROBLEM'), String(thrown));
    assert.equal(problemOf(thrown)?.instance, instance);
    assert.equal(problemOf(thrown)?.termsOfService, 'https://ca.example/terms');
    return isProblem(thrown, 'userActionRequired');
  });
});
