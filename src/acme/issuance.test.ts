import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { afterTest } from '../../test/harness/after-test.ts';
import { createMemoryAcmeClient } from '../../test/harness/ca/memory-acme-client.ts';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
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
import { type Hold, isDeferral, limitsOf } from './ledger/limits.ts';
import { createOrderStore } from './ledger/order-store.ts';
import { problemError, readProblem } from './problem.ts';

const NAME = 'app.example.com';
const DIRECTORY = 'https://ca.example/directory';
const WISH: OrderParams = {
  ...{ key: NAME, names: [NAME], keyType: 'ecdsa' },
  ...{ profile: undefined, replaces: undefined, lifetimeMs: undefined },
};

/** A volume and a CA; each `start` is a process that knows nothing but the volume. */
function setUp(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), 'attempt-'));
  afterTest(t, () => rmSync(root, { recursive: true, force: true }));
  const clock = createFakeClock();
  const authority = createMemoryAcmeClient(clock);
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
    ...{ directoryUrl: DIRECTORY, client: authority, limits: limitsOf(DIRECTORY) },
    ledger: createLedger(root, DIRECTORY, clock, assert.fail),
    orders: createOrderStore(root, DIRECTORY, () => undefined),
  });
  const orders = () => authority.calls.filter((call) => call.startsWith('createOrder')).length;
  return { clock, authority, context, start, orders };
}

async function begun(issuer: Authority, context: IssuanceContext, wish = WISH): Promise<PendingOrder> {
  const attempt = await openOrder(issuer, wish, context);
  assert.ok(!isDeferral(attempt), isDeferral(attempt) ? attempt.reason : '');
  return attempt;
}

async function held(issuer: Authority, context: IssuanceContext, wish = WISH): Promise<Hold> {
  const hold = await openOrder(issuer, wish, context);
  assert.ok(isDeferral(hold));
  return hold;
}

test('an attempt from the order to the certificate, and what is on the volume meanwhile', async (t) => {
  const { context, start, authority } = setUp(t);
  const issuer = start();
  const attempt = await begun(issuer, context);
  assert.equal(attempt.resumed, false);
  assert.deepEqual((await start().orders.load(NAME))?.values, [attempt.authorizations[0]?.value]);
  await validate(attempt, context);
  authority.before = async (call) => {
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
  const { context, start, authority } = setUp(t);
  const seen: Record<string, unknown> = {};
  authority.before = async (call) => {
    const history = await start().ledger.history();
    const [verb = ''] = call.split(' ');
    seen[verb] ??= {
      orders: history.ordersSince(new Date(0)).fresh.length,
      failed: history.failedAuthorizations(NAME).length,
      issued: history.issuances([NAME]).length,
    };
  };
  const attempt = await begun(start(), context);
  await validate(attempt, context);
  await issue(attempt, context);
  assert.deepEqual(seen['createOrder'], { orders: 1, failed: 0, issued: 0 });
  assert.deepEqual(seen['respond'], { orders: 1, failed: 1, issued: 0 });
  assert.deepEqual(seen['finalize'], { orders: 1, failed: 0, issued: 1 });
});

for (const [title, cut] of [
  ['before anything was proven', async () => undefined],
  ['after the validation', validate],
  [
    'while the CA issues',
    async (attempt: PendingOrder, context: IssuanceContext) => {
      await validate(attempt, context);
      const lost = new IngressError('ACME_UNREACHABLE', 'the answer was lost');
      const { client } = attempt.authority;
      const { finalize } = client;
      const cutting = async (...asked: Parameters<typeof finalize>) => {
        await finalize(...asked);
        throw lost;
      };
      const issuer = { ...attempt.authority, client: { ...client, finalize: cutting } };
      await assert.rejects(issue({ ...attempt, authority: issuer }, context), lost);
    },
  ],
] as const) {
  test(`a restart ${title} goes on with the order, and the certificate is issued once`, async (t) => {
    const { context, start, orders, authority } = setUp(t);
    const first = await begun(start(), context);
    await cut(first, context);
    const second = await begun(start(), context);
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
    assert.equal(authority.calls.filter((call) => call === 'finalize').length, 1);
    assert.equal((await start().ledger.history()).issuances([NAME]).length, 1);
  });
}

for (const [title, spoil] of [
  [
    'whose validation failed',
    ({ authority }: ReturnType<typeof setUp>) => {
      authority.validation = [{ status: 'invalid' }];
    },
  ],
  ['that the CA has forgotten', ({ authority }: ReturnType<typeof setUp>) => authority.forgetOrders()],
] as const) {
  test(`an order ${title} is not gone on with`, async (t) => {
    const stage = setUp(t);
    const { context, start, orders } = stage;
    const first = await begun(start(), context);
    spoil(stage);
    await validate(first, context).catch(() => undefined);
    const second = await begun(start(), context);
    assert.equal(second.resumed, false);
    assert.equal(orders(), 2);
  });
}

test('an order for other names or another profile is not gone on with', async (t) => {
  const { context, start } = setUp(t);
  await begun(start(), context);
  const more = await begun(start(), context, { ...WISH, names: [NAME, 'www.example.com'] });
  assert.equal(more.resumed, false);
  const short = await begun(start(), context, {
    ...WISH,
    names: [NAME, 'www.example.com'],
    profile: 'shortlived',
  });
  assert.equal(short.resumed, false);
  assert.ok(
    (await begun(start(), context, { ...WISH, names: ['www.example.com', NAME], profile: 'shortlived' }))
      .resumed,
  );
});

test('a limit holds the order back before the CA is asked, also for many at once', async (t) => {
  const { context, start, authority } = setUp(t);
  const issuer = start();
  for (let turn = 0; turn < 4; turn += 1)
    await issuer.ledger.write({ event: 'finalize', attempt: `earlier-${turn}`, names: [NAME] });
  const { until: at, reason: why } = await held(issuer, context);
  assert.match(why, /4 certificates for exactly these names in 7 days/);
  assert.equal(at.getTime() - context.clock.now().getTime(), 7 * 86_400_000);
  assert.deepEqual(authority.calls, []);
});

test('orders that are made at once count for each other', async (t) => {
  const { context, start, orders } = setUp(t);
  const limits = { ...limitsOf(DIRECTORY), perDomain: { capacity: 3, refillMs: 60_000 } };
  const issuer = { ...start(), limits };
  const names = Array.from({ length: 8 }, (_, index) => `app${index}.example.com`);
  const outcomes = await Promise.all(
    names.map((name) => openOrder(issuer, { ...WISH, key: name, names: [name] }, context)),
  );
  assert.equal(outcomes.filter(isDeferral).length, 5);
  assert.equal(orders(), 3);
});

test('an open order waits too when the validations of a name have failed too often', async (t) => {
  const { context, start, authority } = setUp(t);
  const issuer = start();
  await begun(issuer, context);
  for (let turn = 0; turn < 4; turn += 1)
    await issuer.ledger.write({ event: 'validate', attempt: `earlier-${turn}`, names: [NAME] });
  assert.match(
    (await held(issuer, context)).reason,
    /4 failed authorizations of app\.example\.com in 1 hour/,
  );
  assert.ok(!authority.calls.some((call) => call.startsWith('respond')));
});

test('a renewal that the CA does not take as one counts as a new order', async (t) => {
  const { context, start, authority } = setUp(t);
  const wish = { ...WISH, replaces: 'aki.serial' };
  await begun(start(), context, wish);
  const before = await start().ledger.history();
  assert.deepEqual(before.ordersSince(new Date(0)).replacing.length, 1);
  authority.forgetOrders();
  await begun(start(), context, wish);
  const after = await start().ledger.history();
  assert.deepEqual(after.ordersSince(new Date(0)).fresh.length, 1);
  assert.deepEqual(
    authority.calls.filter((call) => call.startsWith('createOrder')),
    [`createOrder ${NAME} replaces aki.serial`, `createOrder ${NAME}`],
  );
});

test('a ledger that takes nothing: the CA is not asked', async (t) => {
  const { context, start, authority } = setUp(t);
  const full = new IngressError('STORE_FAILED', 'full');
  const issuer = start();
  const ledger = { ...issuer.ledger, writeUnless: () => Promise.reject(full) };
  await assert.rejects(openOrder({ ...issuer, ledger }, WISH, context), full);
  assert.deepEqual(authority.calls, []);
});

/** An attempt that is cut short while the CA issues, and stays so. */
async function processing(t: TestContext) {
  const stage = setUp(t);
  const { authority, context, start } = stage;
  authority.issuance = [{ status: 'processing' }];
  const attempt = await begun(start(), context);
  await validate(attempt, context);
  await assert.rejects(issue(attempt, context), { code: 'ACME_SLOW' });
  const told: string[] = [];
  return {
    ...stage,
    attempt,
    told,
    context: { ...context, warn: (sentence: string) => told.push(sentence) },
  };
}

const DAY_MS = 86_400_000;

test('an order that stays processing is followed for a day; then another is made, and both count', async (t) => {
  const { clock, context, start, orders, attempt, told } = await processing(t);
  const begin = clock.now().getTime();
  clock.set(new Date(begin + DAY_MS - 300_000));
  assert.equal((await begun(start(), context)).order.url, attempt.order.url);
  assert.deepEqual([orders(), told], [1, []]);
  clock.set(new Date(begin + DAY_MS));
  const next = await begun(start(), context);
  assert.deepEqual([orders(), next.resumed], [2, false]);
  assert.deepEqual(told, [
    `the order ${attempt.order.url} for ${NAME} has been processing for a day; it is given up, and another one is made`,
  ]);
  const history = await start().ledger.history();
  assert.deepEqual([history.issuances([NAME]).length, history.fruitlessOrders([NAME]).length], [1, 2]);
});

test('an order that expired eight days ago is given up, whatever it says of itself', async (t) => {
  for (const status of ['pending', 'ready', 'processing'] as const) {
    const { authority, clock, context, start, orders, told } = await processing(t);
    const { findOrder: order } = authority;
    const expires = new Date(clock.now().getTime() - 8 * DAY_MS).toISOString();
    authority.findOrder = async (...asked) => {
      const found = await order(...asked);
      return found && { ...found, status, expires };
    };
    assert.equal((await begun(start(), context)).resumed, false);
    assert.equal(orders(), 2);
    assert.match(told[0] ?? '', new RegExp(`is ${status} although it expired at`));
  }
});

test('a valid order whose certificate is not there is given up after a day', async (t) => {
  const { authority, clock, context, start, orders, told } = await processing(t);
  authority.issuance = [{ status: 'valid' }];
  const gone = problemError(readProblem({ detail: 'Certificate not found' }, 404), undefined);
  authority.downloadCertificate = () => Promise.reject(gone);
  const first = await begun(start(), context);
  await assert.rejects(issue(first, context), gone);
  const begin = clock.now().getTime();
  const second = await begun(start(), context);
  assert.deepEqual([second.order.url, orders(), told], [first.order.url, 1, []]);
  clock.set(new Date(begin + DAY_MS));
  await assert.rejects(issue(second, context), gone);
  assert.match(told[0] ?? '', /has given no certificate for a day/);
  assert.equal((await begun(start(), context)).resumed, false);
  assert.equal(orders(), 2);
});
