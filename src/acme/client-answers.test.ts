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
import { isProblem } from './problem.ts';

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

test('a replacement is one when the CA says it again', async (t) => {
  for (const [fields, replaces] of [
    [{ replaces: 'a.b' }, true],
    [{ replaces: 'c.d' }, false],
    [{}, false],
  ] as const) {
    const { listener, posts } = signedResponses([orderWith(fields)], withRenewalInfo);
    const authority = await createScriptedClient(t, listener);
    const made = await authority.createOrder({ names: NAMES, replaces: 'a.b', profile: 'short' }, never);
    assert.equal(made.replaces, replaces);
    assert.equal(made.order.url, 'https://ca.example/order/1');
    assert.deepEqual(posts, [{ identifiers: IDENTIFIERS, replaces: 'a.b', profile: 'short' }]);
  }
});

test('a CA that knows no replacements is told of none', async (t) => {
  const { listener, posts } = signedResponses([orderWith({})]);
  const authority = await createScriptedClient(t, listener);
  assert.equal((await authority.createOrder({ names: NAMES, replaces: 'a.b' }, never)).replaces, false);
  assert.deepEqual(posts, [{ identifiers: IDENTIFIERS }]);
});

test('an order that is refused as a replacement is made without, and keeps its profile', async (t) => {
  const { listener, posts } = signedResponses(
    [problem('alreadyReplaced', 409), orderWith({})],
    withRenewalInfo,
  );
  const authority = await createScriptedClient(t, listener);
  const made = await authority.createOrder({ names: NAMES, replaces: 'a.b', profile: 'short' }, never);
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
  test(`${type} is not for the replacement: no second order is tried`, async (t) => {
    const { listener, posts } = signedResponses([problem(type, status)], withRenewalInfo);
    const authority = await createScriptedClient(t, listener);
    await assert.rejects(authority.createOrder({ names: NAMES, replaces: 'a.b' }, never), (thrown) =>
      isProblem(thrown, type),
    );
    assert.equal(posts.length, 1);
  });
}

test('the second refusal is thrown: there is no third', async (t) => {
  const { listener, posts } = signedResponses(
    [problem('alreadyReplaced', 409), problem('malformed', 400)],
    withRenewalInfo,
  );
  const authority = await createScriptedClient(t, listener);
  await assert.rejects(authority.createOrder({ names: NAMES, replaces: 'a.b' }, never), (thrown) =>
    isProblem(thrown, 'malformed'),
  );
  assert.equal(posts.length, 2);
});

test('an unknown profile costs no request but the directory', async (t) => {
  const { listener, posts } = signedResponses([orderWith({})]);
  const authority = await createScriptedClient(t, listener, { accounts: createMemoryAccountStore() });
  await assert.rejects(authority.createOrder({ names: NAMES, profile: 'short' }, never), {
    code: 'ACME_PROFILE_UNKNOWN',
    message: /no profiles at all/,
  });
  assert.deepEqual(posts, []);
});

test('what the directory refuses already is known before an order', async (t) => {
  const { listener, posts } = signedResponses([orderWith({})]);
  const authority = await createScriptedClient(t, listener, { accounts: createMemoryAccountStore() });
  await authority.assertOrderable(undefined, never);
  await assert.rejects(authority.assertOrderable('short', never), { code: 'ACME_PROFILE_UNKNOWN' });
  assert.deepEqual(posts, []);
});

const looks: [title: string, answer: ScriptedResponse, found: string | undefined][] = [
  ['that there is', { body: { status: 'ready' } }, 'ready'],
  ['that is gone', { status: 404, body: '' }, undefined],
  ['whose URL it does not understand', problem('malformed', 400), undefined],
  ['of another account', problem('unauthorized', 403), undefined],
  ['of an account that it does not know', problem('accountDoesNotExist', 400), undefined],
];
for (const [title, answer, found] of looks) {
  test(`an order ${title} is ${found}, at the first look`, async (t) => {
    const { listener, posts } = signedResponses([answer]);
    const url = `${await startScriptedCa(t, listener)}/order/1`;
    const order = await (await createScriptedClient(t, listener)).findOrder(url, never);
    assert.equal(order?.status, found);
    assert.deepEqual(posts, [undefined], 'POST-as-GET');
  });
}

test('an outage says nothing about an order', async (t) => {
  const { listener } = signedResponses([{ status: 503, headers: { 'retry-after': '3600' }, body: '' }]);
  const authority = await createScriptedClient(t, listener);
  const url = `${await startScriptedCa(t, listener)}/order/1`;
  await assert.rejects(authority.findOrder(url, never), { code: 'ACME_PROBLEM', retryAfterMs: 3_600_000 });
});

test('a CA that is overloaded for longer is not asked again, and says until when', async (t) => {
  const { listener, posts } = signedResponses([
    { status: 503, headers: { 'retry-after': '3600' }, body: '' },
  ]);
  const clock = createFakeClock();
  const authority = await createScriptedClient(t, listener, { clock });
  await assert.rejects(authority.createOrder({ names: NAMES }, never), { retryAfterMs: 3_600_000 });
  assert.equal(posts.length, 1);
  assert.deepEqual(clock.waits, []);
});

test('a CA that stays overloaded says so with its last pause', async (t) => {
  const { listener, posts } = signedResponses([{ status: 503, headers: { 'retry-after': '5' }, body: '' }]);
  const clock = createFakeClock();
  const authority = await createScriptedClient(t, listener, { clock });
  await assert.rejects(authority.createOrder({ names: NAMES }, never), { retryAfterMs: 5000 });
  assert.equal(posts.length, 4);
  assert.deepEqual(clock.waits, [5000, 5000, 5000]);
});

test('an answer that acme-client cannot make sense of is a bad one', async (t) => {
  const { listener } = signedResponses([{ status: 201, body: { status: 'pending' } }]);
  const authority = await createScriptedClient(t, listener);
  await assert.rejects(authority.createOrder({ names: NAMES }, never), {
    code: 'ACME_BAD_ANSWER',
    message: /order link/,
  });
});

/** A CA that says when it is, and remembers who asked. */
function datedCa(date: Date) {
  const agents = new Set<string | undefined>();
  const { listener: answer } = signedResponses([{ body: { status: 'pending' } }]);
  const listener: RequestListener = (request, response) => {
    agents.add(request.headers['user-agent']);
    response.setHeader('date', date.toUTCString());
    answer(request, response);
  };
  return { agents, listener };
}

test('authorities at the same time are not mixed up: not their clocks, not the CAs’, not who asks', async (t) => {
  const now = new Date('2026-11-24T00:00:00Z');
  const stages = [0, 10, 20].map((minutes, index) => {
    const ca = datedCa(new Date(now.getTime() + minutes * MINUTE));
    const userAgent = `dstack-ingress/${index}`;
    const clock = createFakeClock(new Date(now.getTime() - index * MINUTE));
    return { ...ca, minutes, index, userAgent, clock };
  });
  await Promise.all(
    stages.map(async ({ listener, userAgent, clock, minutes, index }) => {
      const authority = await createScriptedClient(t, listener, { userAgent, clock });
      const url = `${await startScriptedCa(t, listener)}/order/1`;
      await Promise.all([0, 1, 2].map(() => authority.findOrder(url, never)));
      assert.equal(authority.clockSkewMs(), (minutes + index) * MINUTE);
    }),
  );
  for (const { agents, userAgent } of stages) assert.deepEqual([...agents], [userAgent]);
});

test('the CA is asked for its clock once in a while, and when ours was set', async (t) => {
  const start = new Date('2026-11-24T00:00:00Z');
  const clock = createFakeClock(start);
  let asked = 0;
  const { listener } = datedCa(start);
  const authority = await createScriptedClient(
    t,
    (request, response) => {
      asked += request.method === 'HEAD' ? 1 : 0;
      listener(request, response);
    },
    { clock },
  );
  const steps: [minutes: number, asked: number][] = [
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
    await authority.refreshClockSkew(never);
    assert.equal(asked, times, `at ${minutes} minutes`);
  }
  assert.equal(authority.clockSkewMs(), -100 * MINUTE);
});

const directories: [title: string, more: object, posts: number][] = [
  ['its directory says so', { meta: { externalAccountRequired: true } }, 0],
  ['only its refusal says so', {}, 1],
];
for (const [title, more, count] of directories) {
  test(`a CA that binds accounts is not asked in vain: ${title}`, async (t) => {
    const { listener, posts } = signedResponses([problem('externalAccountRequired', 403)], () => more);
    const authority = await createScriptedClient(t, listener, { accounts: createMemoryAccountStore() });
    await assert.rejects(authority.accountUrl(never), { code: 'ACME_ACCOUNT_BINDING_MISSING' });
    assert.equal(posts.length, count);
  });
}

test('userActionRequired keeps the page that says what to agree to (RFC 8555 §7.3.3)', async (t) => {
  const instance = 'https://ca.example/acme/agreement';
  const { listener } = signedResponses([
    {
      status: 403,
      headers: { link: '<https://ca.example/terms>;rel="terms-of-service"' },
      body: { type: 'urn:ietf:params:acme:error:userActionRequired', detail: 'New terms', instance },
    },
  ]);
  const authority = await createScriptedClient(t, listener);
  await assert.rejects(authority.createOrder({ names: NAMES }, never), {
    code: 'ACME_PROBLEM',
    message: /New terms \(userActionRequired\); see https:\/\/ca\.example\/acme\/agreement$/,
    hint: /Open https:\/\/ca\.example\/acme\/agreement .*in force are at https:\/\/ca\.example\/terms\./,
  });
});
