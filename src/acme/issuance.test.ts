import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createMemoryAcmeClient } from '../../test/harness/ca/memory-acme-client.ts';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { temporaryDirectory } from '../../test/harness/temporary-directory.ts';
import { IngressError } from '../errors.ts';
import {
  type Authority,
  completeOrder,
  type IssuanceContext,
  issue,
  type OrderParams,
  openOrder,
  type PendingOrder,
  validate,
} from './issuance.ts';
import { createLedger } from './ledger/ledger.ts';
import { type Deferral, isDeferral, limitsOf } from './ledger/limits.ts';
import { createOrderStore } from './ledger/order-store.ts';
import { problemError, readProblem } from './problem.ts';

const NAME = 'app.example.com';
const DIRECTORY = 'https://ca.example/directory';
const PARAMS: OrderParams = {
  ...{ key: NAME, names: [NAME], keyType: 'ecdsa' },
  ...{ profile: undefined, replaces: undefined, lifetimeMs: undefined },
};

/** A volume and a CA. Each `start` is a new process: it knows only the volume. */
function setUp(t: TestContext) {
  const root = temporaryDirectory(t);
  const clock = createFakeClock();
  const client = createMemoryAcmeClient(clock);
  let ids = 0;
  const context: IssuanceContext = {
    clock,
    signal: new AbortController().signal,
    newId: () => {
      ids += 1;
      return `attempt-${ids}`;
    },
  };
  const start = (): Authority => ({
    ...{ directoryUrl: DIRECTORY, client, limits: limitsOf(DIRECTORY) },
    ledger: createLedger(root, DIRECTORY, clock, assert.fail),
    orders: createOrderStore(root, DIRECTORY, () => undefined),
  });
  const orders = () => client.calls.filter((call) => call.startsWith('createOrder')).length;
  return { root, clock, client, context, start, orders };
}

async function opened(
  authority: Authority,
  context: IssuanceContext,
  params = PARAMS,
): Promise<PendingOrder> {
  const pending = await openOrder(authority, params, context);
  assert.ok(!isDeferral(pending), isDeferral(pending) ? pending.reason : '');
  return pending;
}

async function deferred(authority: Authority, context: IssuanceContext, params = PARAMS): Promise<Deferral> {
  const deferral = await openOrder(authority, params, context);
  assert.ok(isDeferral(deferral));
  return deferral;
}

test('an order leads to a certificate, and the volume holds its progress', async (t) => {
  const { context, start, client } = setUp(t);
  const authority = start();
  const attempt = await opened(authority, context);
  assert.equal(attempt.resumed, false);
  assert.deepEqual((await start().orders.load(NAME))?.values, [attempt.authorizations[0]?.value]);
  await validate(attempt, context);
  client.before = async (call) => {
    if (call === 'finalize') assert.ok((await start().orders.load(NAME))?.keyPem);
  };
  const { chainPem } = await issue(attempt, context);
  const leaf = new X509Certificate(chainPem);
  await completeOrder(attempt, { serial: leaf.serialNumber, notAfter: leaf.validToDate });
  assert.equal(await start().orders.load(NAME), undefined);
  const history = await start().ledger.history();
  assert.equal(history.lastIssued([NAME])?.serial, leaf.serialNumber);
  assert.deepEqual([history.issuances([NAME]).length, history.failedAuthorizations(NAME).length], [1, 0]);
});

test('every step is in the ledger before the CA is asked', async (t) => {
  const { context, start, client } = setUp(t);
  const seen: Record<string, unknown> = {};
  client.before = async (call) => {
    const history = await start().ledger.history();
    const [verb = ''] = call.split(' ');
    seen[verb] ??= {
      orders: history.ordersSince(new Date(0)).fresh.length,
      failed: history.failedAuthorizations(NAME).length,
      issued: history.issuances([NAME]).length,
    };
  };
  const attempt = await opened(start(), context);
  await validate(attempt, context);
  await issue(attempt, context);
  assert.deepEqual(seen['createOrder'], { orders: 1, failed: 0, issued: 0 });
  assert.deepEqual(seen['respond'], { orders: 1, failed: 1, issued: 0 });
  assert.deepEqual(seen['finalize'], { orders: 1, failed: 0, issued: 1 });
});

for (const [title, interrupt] of [
  ['before validation', async () => undefined],
  ['after the validation', validate],
  [
    'during finalization',
    async (attempt: PendingOrder, context: IssuanceContext) => {
      await validate(attempt, context);
      const lost = new IngressError('ACME_UNREACHABLE', 'the response was lost');
      const { client } = attempt.authority;
      const { finalize } = client;
      const interrupted = async (...args: Parameters<typeof finalize>) => {
        await finalize(...args);
        throw lost;
      };
      const authority = { ...attempt.authority, client: { ...client, finalize: interrupted } };
      await assert.rejects(issue({ ...attempt, authority }, context), lost);
    },
  ],
] as const) {
  test(`after a restart ${title} the order is resumed, and the certificate is issued once`, async (t) => {
    const { context, start, orders, client } = setUp(t);
    const first = await opened(start(), context);
    await interrupt(first, context);
    const second = await opened(start(), context);
    assert.ok(second.resumed);
    assert.equal(second.stored.attempt, first.stored.attempt);
    await validate(second, context);
    const { chainPem, keyPem } = await issue(second, context);
    assert.ok(
      new X509Certificate(chainPem).checkPrivateKey(
        (await import('node:crypto')).createPrivateKey(keyPem.reveal()),
      ),
    );
    assert.equal(orders(), 1);
    assert.equal(client.calls.filter((call) => call === 'finalize').length, 1);
    assert.equal((await start().ledger.history()).issuances([NAME]).length, 1);
  });
}

test('an order is stored before its authorizations are read, so a crash in between leads to no second order', async (t) => {
  const { context, start, orders, client } = setUp(t);
  const crash = new Error('crash');
  client.before = (call) => {
    if (call === 'getAuthorizations') throw crash;
  };
  await assert.rejects(openOrder(start(), PARAMS, context), crash);
  client.before = () => undefined;
  assert.ok((await opened(start(), context)).resumed);
  assert.equal(orders(), 1);
});

for (const [title, spoil] of [
  [
    'whose validation failed',
    ({ client }: ReturnType<typeof setUp>) => {
      client.validation = [{ status: 'invalid' }];
    },
  ],
  ['that the CA has forgotten', ({ client }: ReturnType<typeof setUp>) => client.forgetOrders()],
] as const) {
  test(`an order ${title} is not resumed`, async (t) => {
    const stage = setUp(t);
    const { context, start, orders } = stage;
    const first = await opened(start(), context);
    spoil(stage);
    await validate(first, context).catch(() => undefined);
    const second = await opened(start(), context);
    assert.equal(second.resumed, false);
    assert.equal(orders(), 2);
  });
}

test('an order for other names or another profile is not resumed', async (t) => {
  const { context, start } = setUp(t);
  await opened(start(), context);
  const more = await opened(start(), context, { ...PARAMS, names: [NAME, 'www.example.com'] });
  assert.equal(more.resumed, false);
  const short = await opened(start(), context, {
    ...PARAMS,
    names: [NAME, 'www.example.com'],
    profile: 'shortlived',
  });
  assert.equal(short.resumed, false);
  assert.ok(
    (await opened(start(), context, { ...PARAMS, names: ['www.example.com', NAME], profile: 'shortlived' }))
      .resumed,
  );
});

test('a limit defers an order before the CA is asked', async (t) => {
  const { context, start, client } = setUp(t);
  const authority = start();
  for (let turn = 0; turn < 4; turn += 1)
    await authority.ledger.write({ event: 'finalize', attempt: `earlier-${turn}`, names: [NAME] });
  const { until } = await deferred(authority, context);
  assert.equal(until.getTime() - context.clock.now().getTime(), 7 * 86_400_000);
  assert.deepEqual(client.calls, []);
});

test('concurrent orders count against each other’s limits', async (t) => {
  const { context, start, orders } = setUp(t);
  const limits = { ...limitsOf(DIRECTORY), perDomain: { capacity: 3, refillMs: 60_000 } };
  const authority = { ...start(), limits };
  const names = Array.from({ length: 8 }, (_, index) => `app${index}.example.com`);
  const outcomes = await Promise.all(
    names.map((name) => openOrder(authority, { ...PARAMS, key: name, names: [name] }, context)),
  );
  assert.equal(outcomes.filter(isDeferral).length, 5);
  assert.equal(orders(), 3);
});

test('an open order is deferred as well after too many failed validations of a name', async (t) => {
  const { context, start, client } = setUp(t);
  const authority = start();
  await opened(authority, context);
  for (let turn = 0; turn < 4; turn += 1)
    await authority.ledger.write({ event: 'validate', attempt: `earlier-${turn}`, names: [NAME] });
  const { until } = await deferred(authority, context);
  assert.equal(until.getTime() - context.clock.now().getTime(), 3_600_000);
  assert.ok(!client.calls.some((call) => call.startsWith('respond')));
});

test('a renewal that the CA does not accept as a replacement counts as a new order', async (t) => {
  const { context, start, client } = setUp(t);
  const params = { ...PARAMS, replaces: 'aki.serial' };
  await opened(start(), context, params);
  const before = await start().ledger.history();
  assert.deepEqual(before.ordersSince(new Date(0)).replacing.length, 1);
  client.forgetOrders();
  await opened(start(), context, params);
  const after = await start().ledger.history();
  assert.deepEqual(after.ordersSince(new Date(0)).fresh.length, 1);
  assert.deepEqual(
    client.calls.filter((call) => call.startsWith('createOrder')),
    [`createOrder ${NAME} replaces aki.serial`, `createOrder ${NAME}`],
  );
});

test('the CA is not asked when only the ledger cannot be written', async (t) => {
  const { root, context, start, client } = setUp(t);
  mkdirSync(join(root, 'dstack-ingress'));
  writeFileSync(join(root, 'dstack-ingress', 'ledger'), 'a file in the place of the directory');
  await assert.rejects(openOrder(start(), PARAMS, context), { code: 'STORE_FAILED' });
  assert.deepEqual(client.calls, []);
});

test('an order whose key cannot be stored is not finalized', async (t) => {
  const { context, start, client } = setUp(t);
  const pending = await opened(start(), context);
  await validate(pending, context);
  const full = new IngressError('STORE_FAILED', 'full');
  const { authority } = pending;
  const orders = { ...authority.orders, save: () => Promise.reject(full) };
  await assert.rejects(issue({ ...pending, authority: { ...authority, orders } }, context), full);
  assert.ok(!client.calls.includes('finalize'));
});

/** An order that stays processing. */
async function processing(t: TestContext) {
  const stage = setUp(t);
  const { client, context, start } = stage;
  client.issuance = [{ status: 'processing' }];
  const attempt = await opened(start(), context);
  await validate(attempt, context);
  await assert.rejects(issue(attempt, context), { code: 'ACME_SLOW' });
  const warnings: string[] = [];
  return {
    ...stage,
    attempt,
    warnings,
    context: { ...context, warn: (sentence: string) => warnings.push(sentence) },
  };
}

const DAY_MS = 86_400_000;

test('an order that stays processing is abandoned after a day, and counts along with its successor', async (t) => {
  const { clock, context, start, orders, attempt, warnings } = await processing(t);
  const startedAt = clock.now().getTime();
  clock.set(new Date(startedAt + DAY_MS - 300_000));
  assert.equal((await opened(start(), context)).order.url, attempt.order.url);
  assert.deepEqual([orders(), warnings], [1, []]);
  clock.set(new Date(startedAt + DAY_MS));
  const next = await opened(start(), context);
  assert.deepEqual([orders(), next.resumed], [2, false]);
  assert.equal(warnings.length, 1);
  assert.ok(warnings[0]?.includes(attempt.order.url));
  const history = await start().ledger.history();
  assert.deepEqual([history.issuances([NAME]).length, history.fruitlessOrders([NAME]).length], [1, 2]);
});

test('an expired order is abandoned, whatever its status', async (t) => {
  for (const status of ['pending', 'ready', 'processing'] as const) {
    const { client, clock, context, start, orders, warnings } = await processing(t);
    const { findOrder } = client;
    const expires = new Date(clock.now().getTime() - 8 * DAY_MS).toISOString();
    client.findOrder = async (...args) => {
      const found = await findOrder(...args);
      return found && { ...found, status, expires };
    };
    assert.equal((await opened(start(), context)).resumed, false);
    assert.equal(orders(), 2);
    assert.ok(warnings[0]?.includes(expires));
  }
});

test('a valid order whose certificate cannot be downloaded is abandoned after a day', async (t) => {
  const { client, clock, context, start, orders, warnings } = await processing(t);
  client.issuance = [{ status: 'valid' }];
  const gone = problemError(readProblem({ detail: 'Certificate not found' }, 404), undefined);
  client.downloadCertificate = () => Promise.reject(gone);
  const first = await opened(start(), context);
  await assert.rejects(issue(first, context), gone);
  const startedAt = clock.now().getTime();
  const second = await opened(start(), context);
  assert.deepEqual([second.order.url, orders(), warnings], [first.order.url, 1, []]);
  clock.set(new Date(startedAt + DAY_MS));
  await assert.rejects(issue(second, context), gone);
  assert.equal(warnings.length, 1);
  assert.equal((await opened(start(), context)).resumed, false);
  assert.equal(orders(), 2);
});
