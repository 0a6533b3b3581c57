import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setDefaultCACertificates } from 'node:tls';
import acme from 'acme-client';
import { deactivateAccount } from '../../test/harness/ca/deactivate-account.ts';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { temporaryDirectory } from '../../test/harness/temporary-directory.ts';
import { certificateId, isReplaceableAtPebble } from '../../test/world/ca/certificate-id.ts';
import { type Pebble, startPebble } from '../../test/world/ca/pebble.ts';
import { claimLoopback, type Loopback } from '../../test/world/loopback.ts';
import { systemClock, until } from '../clock.ts';
import { Secret } from '../config/secret.ts';
import { errorRegistry, isIngressError } from '../errors.ts';
import { createAccountStore } from './account-store.ts';
import { type AcmeClient, type AcmeClientOptions, createAcmeClient, type Order } from './client.ts';
import { isProblem } from './problem.ts';

const NAMES = ['app.example.test'];
const EAB = { kid: 'customer-1', hmacKey: new Secret(Buffer.alloc(32, 1).toString('base64url')) };
const never = new AbortController().signal;
let loopback: Loopback;
let directory = '';
let pebble: Pebble;
const lines: string[] = [];

before(async () => {
  loopback = await claimLoopback();
  directory = temporaryDirectory();
  const address = loopback.next();
  pebble = await startPebble({
    ...{ directory, address, dnsServer: `${address}:53`, alwaysValid: true },
    externalAccounts: { [EAB.kid]: EAB.hmacKey.reveal() },
    profiles: { classic: 90 * 86_400, short: 6 * 86_400 },
    log: (line) => lines.push(line),
  });
  setDefaultCACertificates([readFileSync(pebble.apiCaFile, 'utf8')]);
});
after(async () => {
  await pebble[Symbol.asyncDispose]();
  await loopback[Symbol.asyncDispose]();
});

function open(options: Partial<AcmeClientOptions> = {}): AcmeClient {
  const { directoryUrl } = pebble;
  const { clock = createFakeClock() } = options;
  const accounts = createAccountStore(temporaryDirectory(), directoryUrl, clock);
  const userAgent = 'dstack-ingress/test';
  return createAcmeClient({
    directoryUrl,
    email: undefined,
    userAgent,
    accounts,
    clock,
    eab: EAB,
    ...options,
  });
}

/** Without external account binding. */
function openUnbound(root: string): AcmeClient {
  const { directoryUrl } = pebble;
  const clock = createFakeClock();
  const accounts = createAccountStore(root, directoryUrl, clock);
  return createAcmeClient({
    directoryUrl,
    email: undefined,
    userAgent: 'dstack-ingress/test',
    accounts,
    clock,
  });
}

const newOrders = () => pebble.requests().get('POST /order-plz') ?? 0;

/** Pebble logs a moment after it acts. */
const eventually = (holds: () => boolean) =>
  until(() => holds() || undefined, { clock: systemClock, timeoutMs: 10_000, everyMs: 20 });

/** Completes an order, at a CA that accepts every challenge. */
async function issue(client: AcmeClient, order: Order): Promise<X509Certificate> {
  for (const { status, challenges } of await client.getAuthorizations(order, never)) {
    if (status === 'valid') continue; // Pebble reuses one in a hundred, even when told to reuse none.
    const challenge = challenges.find(({ type }) => type === 'dns-01');
    assert.ok(challenge);
    await client.respond(challenge, never);
  }
  const reach = async (status: Order['status']) => {
    const poll = async () => {
      const { now } = await client.pollOrder(order, never);
      return now.status === status ? now : undefined;
    };
    const reached = await until(poll, { clock: systemClock, timeoutMs: 10_000, everyMs: 20 });
    assert.ok(reached, `the order did not become ${status}`);
    return reached;
  };
  const [, csr] = await acme.crypto.createCsr({ altNames: NAMES }, await acme.crypto.createPrivateEcdsaKey());
  await client.finalize(await reach('ready'), csr.toString(), never);
  return new X509Certificate(await client.downloadCertificate(await reach('valid'), never));
}

test('an account is registered with the external account binding', async () => {
  const root = temporaryDirectory();
  const accounts = createAccountStore(root, pebble.directoryUrl, createFakeClock());
  const url = await open({ accounts }).accountUrl(never);
  assert.equal((await accounts.load())?.url, url);
  assert.equal(await openUnbound(root).accountUrl(never), url, 'only the registration needs it');
});

for (const isUnboundBefore of [false, true])
  test(`a deactivated account is replaced with the binding${isUnboundBefore ? ', after an attempt without it' : ''}`, async () => {
    const root = temporaryDirectory();
    const accounts = createAccountStore(root, pebble.directoryUrl, createFakeClock());
    const old = await open({ accounts }).accountUrl(never);
    await deactivateAccount(root, pebble.directoryUrl);
    const bound = open({ accounts });
    const client = isUnboundBefore ? openUnbound(root) : bound;
    const expected = isUnboundBefore ? 'ACME_ACCOUNT_BINDING_MISSING' : 'ACME_ACCOUNT_REPLACED';
    await assert.rejects(client.createOrder({ names: NAMES }, never), (thrown) =>
      isIngressError(thrown, expected),
    );
    assert.notEqual(await bound.accountUrl(never), old);
    assert.equal((await bound.createOrder({ names: NAMES }, never)).order.status, 'pending');
  });

test('an order without the required binding is ACME_ACCOUNT_BINDING_MISSING', async () => {
  const client = openUnbound(temporaryDirectory());
  await assert.rejects(client.createOrder({ names: NAMES }, never), (thrown) => {
    assert.ok(isIngressError(thrown, 'ACME_ACCOUNT_BINDING_MISSING'), String(thrown));
    assert.equal(thrown.details['directoryUrl'], pebble.directoryUrl);
    return !thrown.retryable;
  });
});

const wrong: [title: string, eab: AcmeClientOptions['eab']][] = [
  ['key', { ...EAB, hmacKey: new Secret(Buffer.alloc(32, 2).toString('base64url')) }],
  ['key identifier', { ...EAB, kid: 'customer-2' }],
];
for (const [title, eab] of wrong) {
  test(`a binding with a wrong ${title} is ACME_PROBLEM, with a hint about the binding`, async () => {
    await assert.rejects(open({ ...(eab && { eab }) }).accountUrl(never), (thrown) => {
      assert.ok(isIngressError(thrown, 'ACME_PROBLEM'), String(thrown));
      assert.equal(thrown.fix, errorRegistry.ACME_ACCOUNT_BINDING_MISSING.hint);
      return isProblem(thrown, 'unauthorized');
    });
  });
}

test('an order has the requested profile', async () => {
  const client = open();
  for (const [profile, days] of [
    ['short', 6],
    ['classic', 90],
  ] as const) {
    const { order } = await client.createOrder({ names: NAMES, profile }, never);
    const { validFromDate, validToDate } = await issue(client, order);
    assert.equal(Math.round((validToDate.getTime() - validFromDate.getTime()) / 86_400_000), days);
  }
});

test('an unknown profile creates neither order nor account, and the error lists the available ones', async () => {
  const root = temporaryDirectory();
  const client = openUnbound(root);
  await assert.rejects(client.createOrder({ names: NAMES, profile: 'tlsserver' }, never), (thrown) => {
    assert.ok(isIngressError(thrown, 'ACME_PROFILE_UNKNOWN'), String(thrown));
    assert.deepEqual(thrown.details, { profile: 'tlsserver', available: ['classic', 'short'] });
    return !thrown.retryable;
  });
  assert.deepEqual(readdirSync(root), [], 'no account, so no order');
});

test('a certificate is replaced once; a later order is not a replacement', async () => {
  const client = open();
  const issueFirst = async () => {
    const first = await client.createOrder({ names: NAMES }, never);
    assert.equal(first.replaces, false);
    const certificate = await issue(client, first.order);
    return isReplaceableAtPebble(certificate) ? certificate : undefined;
  };
  const certificate = await until(issueFirst, { clock: systemClock, timeoutMs: 10_000, everyMs: 20 });
  assert.ok(certificate);
  const replaces = certificateId(certificate);

  const second = await client.createOrder({ names: NAMES, replaces }, never);
  assert.equal(second.replaces, true);
  await issue(client, second.order);
  assert.ok(await eventually(() => lines.some((line) => line.includes('marked as replaced'))));

  const before = newOrders();
  const third = await client.createOrder({ names: NAMES, replaces }, never);
  assert.equal(third.replaces, false);
  assert.ok(await eventually(() => newOrders() - before === 2), 'one refused, one without `replaces`');
});

for (const [title, replaces] of [
  ['an invalid identifier', 'nothing'],
  ['an unknown certificate', 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE'],
] as const) {
  test(`an order that replaces ${title} is created without \`replaces\``, async () => {
    const made = await open().createOrder({ names: NAMES, replaces, profile: 'short' }, never);
    assert.equal(made.replaces, false);
    assert.equal(made.order.status, 'pending');
  });
}

test('findOrder finds an order by its URL, for its own account only', async () => {
  const accounts = createAccountStore(temporaryDirectory(), pebble.directoryUrl, systemClock);
  const { order } = await open({ accounts }).createOrder({ names: NAMES }, never);
  const found = await open({ accounts }).findOrder(order.url, never);
  assert.equal(found?.url, order.url);
  assert.equal(found.status, 'pending');
  assert.deepEqual(found.identifiers, [{ type: 'dns', value: NAMES[0] }]);
  assert.equal(await open({ accounts }).findOrder(`${order.url}0`, never), undefined, 'no such order');
  assert.equal(await open().findOrder(order.url, never), undefined, 'another account');
});

test('renewalInfo needs no account', async () => {
  const client = open();
  const certificate = await issue(client, (await client.createOrder({ names: NAMES }, never)).order);
  const root = temporaryDirectory();
  const unregistered = openUnbound(root);
  const ask = async () => unregistered.renewalInfo(certificateId(certificate), never);
  const first = await ask();
  assert.equal(first?.retryAfterMs, 6 * 3_600_000);
  const { start, end } = Object(first?.body).suggestedWindow;
  assert.ok(certificate.validFromDate < new Date(start) && new Date(start) < new Date(end));
  assert.ok(new Date(end) < certificate.validToDate);

  const [from, to] = [new Date('2026-01-01T00:00:00Z'), new Date('2026-01-02T00:00:00Z')];
  const explanationURL = 'https://ca.example/why';
  await pebble.setRenewalWindow(certificate.toString(), from, to, explanationURL);
  assert.deepEqual((await ask())?.body, {
    suggestedWindow: { start: from.toISOString(), end: to.toISOString() },
    explanationURL,
  });
  assert.deepEqual(readdirSync(root), []);
});

test('renewalInfo on an unknown certificate is ACME_PROBLEM', async () => {
  const unknown = 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE';
  await assert.rejects(open().renewalInfo(unknown, never), { code: 'ACME_PROBLEM' });
});

test('refreshClockSkew measures the skew, without an account', async () => {
  const lateMs = 2 * 3_600_000;
  const clock = createFakeClock(new Date(Date.now() - lateMs));
  const root = temporaryDirectory();
  const accounts = createAccountStore(root, pebble.directoryUrl, clock);
  const client = open({ accounts, clock });
  assert.equal(client.clockSkewMs(), undefined);
  await client.refreshClockSkew(never);
  const skewMs = client.clockSkewMs();
  assert.ok(skewMs !== undefined && Math.abs(skewMs - lateMs) < 60_000, `${skewMs} ms`);
  assert.deepEqual(readdirSync(root), []);
});
