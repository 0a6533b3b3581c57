import assert from 'node:assert/strict';
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setDefaultCACertificates } from 'node:tls';
import { deactivateAccount } from '../../test/harness/ca/deactivate-account.ts';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { temporaryDirectory } from '../../test/harness/temporary-directory.ts';
import { type Pebble, startPebble } from '../../test/world/ca/pebble.ts';
import { claimLoopback, type Loopback } from '../../test/world/loopback.ts';
import { isIngressError } from '../errors.ts';
import { createAccountStore } from './account-store.ts';
import { createAcmeClient } from './client.ts';
import { isProblem } from './problem.ts';

/** Accounts that end while they are in use, at real Pebble. */

const never = new AbortController().signal;
const NAMES = ['app.example.test'];
const DAY_MS = 86_400_000;
const START = new Date('2026-11-30T12:00:00Z');

let directory: string;
let loopback: Loopback;
let pebble: Pebble;

before(async () => {
  loopback = await claimLoopback();
  directory = temporaryDirectory();
  const address = loopback.next();
  pebble = await startPebble({ directory, address, dnsServer: `${address}:53`, nonceReject: 20 });
  setDefaultCACertificates([readFileSync(pebble.apiCaFile, 'utf8')]);
});
after(async () => {
  await pebble[Symbol.asyncDispose]();
  await loopback[Symbol.asyncDispose]();
});

/** A volume. Each `start` is a new process: it knows only the volume. */
function setUp() {
  const root = temporaryDirectory();
  const clock = createFakeClock(START);
  const warnings: string[] = [];
  const { directoryUrl } = pebble;
  const accounts = createAccountStore(root, directoryUrl, clock);
  const start = () =>
    createAcmeClient({
      ...{ directoryUrl, email: undefined, userAgent: 'test', accounts, clock },
      warn: (sentence) => warnings.push(sentence),
    });
  return { root, clock, warnings, accounts, start };
}

type Stage = ReturnType<typeof setUp>;

const deactivate = ({ root }: Stage) => deactivateAccount(root, pebble.directoryUrl);
const folders = (root: string) => globSync('accounts/*/dir/*', { cwd: root });

test('a deactivated account is replaced by one with a new key, with a warning', async () => {
  const stage = setUp();
  const { root, warnings, start } = stage;
  const client = start();
  const old = await client.accountUrl(never);
  const [folder = ''] = folders(root);
  const before = globSync(`${folder}/*`, { cwd: root }).map((path) => readFileSync(join(root, path), 'utf8'));
  await deactivate(stage);
  await assert.rejects(client.createOrder({ names: NAMES }, never), (thrown) => {
    assert.ok(isIngressError(thrown, 'ACME_ACCOUNT_REPLACED'), String(thrown));
    assert.equal(thrown.details['old'], old);
    return isProblem(thrown.cause, 'unauthorized');
  });
  const url = await client.accountUrl(never);
  assert.notEqual(url, old);
  assert.ok(warnings[0]?.includes(old) && warnings[0].includes(url), warnings.join());
  assert.equal((await client.createOrder({ names: NAMES }, never)).order.status, 'pending');
  const again = start();
  assert.equal(await again.storedAccountUrl(), url, 'also after a restart');
  assert.equal((await again.createOrder({ names: NAMES }, never)).order.status, 'pending');
  assert.deepEqual([warnings.length, folders(root).length], [1, 2]);
  const after = globSync(`${folder}/*`, { cwd: root }).map((path) => readFileSync(join(root, path), 'utf8'));
  assert.deepEqual(after, before, 'the files of the ended account are unchanged');
});

test('concurrent orders that are refused for the account create one successor', async () => {
  const stage = setUp();
  const client = stage.start();
  await client.accountUrl(never);
  await deactivate(stage);
  const orders = Array.from({ length: 8 }, () => client.createOrder({ names: NAMES }, never));
  for (const outcome of await Promise.allSettled(orders))
    assert.ok(outcome.status === 'rejected' && isIngressError(outcome.reason, 'ACME_ACCOUNT_REPLACED'));
  assert.deepEqual([folders(stage.root).length, stage.warnings.length], [2, 1]);
});

test('an account that ends within a day of its predecessor is replaced only after that day', async () => {
  const stage = setUp();
  const client = stage.start();
  const order = () => client.createOrder({ names: NAMES }, never);
  await client.accountUrl(never);
  await deactivate(stage);
  await assert.rejects(order(), { code: 'ACME_ACCOUNT_REPLACED' });
  await deactivate(stage);
  stage.clock.set(new Date(START.getTime() + DAY_MS - 1));
  await assert.rejects(order(), (thrown) => {
    assert.ok(isIngressError(thrown, 'ACME_PROBLEM'), String(thrown));
    return thrown.details['nextAccountAfter'] === '2026-12-01T12:00:00.000Z';
  });
  assert.equal(folders(stage.root).length, 2);
  stage.clock.set(new Date(START.getTime() + DAY_MS));
  await assert.rejects(order(), { code: 'ACME_ACCOUNT_REPLACED' });
  await order();
  assert.equal(folders(stage.root).length, 3);
});

test('an account without a stored URL whose key is deactivated is replaced at once', async () => {
  const stage = setUp();
  const old = await stage.start().accountUrl(never);
  await deactivate(stage);
  const [registration = ''] = globSync('accounts/*/dir/*/regr.json', { cwd: stage.root });
  rmSync(join(stage.root, registration));
  const client = stage.start();
  assert.notEqual(await client.accountUrl(never), old);
  await client.createOrder({ names: NAMES }, never);
  assert.equal(stage.warnings.length, 1);
});

test('a key that belongs to another account is registered, in the same folder', async () => {
  const stage = setUp();
  const old = await stage.start().accountUrl(never);
  const other = setUp();
  await other.start().accountUrl(never);
  const keyOf = ({ root }: Stage) =>
    join(root, globSync('accounts/*/dir/*/private_key.json', { cwd: root })[0] ?? '');
  writeFileSync(keyOf(stage), readFileSync(keyOf(other)));
  const client = stage.start();
  await assert.rejects(client.createOrder({ names: NAMES }, never), { code: 'ACME_ACCOUNT_REPLACED' });
  assert.equal(await client.accountUrl(never), await other.accounts.load().then((account) => account?.url));
  assert.ok(stage.warnings[0]?.includes(old), stage.warnings.join());
  await client.createOrder({ names: NAMES }, never);
  assert.equal(folders(stage.root).length, 1);
});

test('a refusal that does not concern the account leaves it unchanged', async () => {
  const stage = setUp();
  const client = stage.start();
  const url = await client.accountUrl(never);
  const refused = client.createOrder({ names: ['not a name'] }, never);
  await assert.rejects(
    refused,
    (thrown) => isProblem(thrown, 'malformed') || isProblem(thrown, 'rejectedIdentifier'),
  );
  assert.equal(await client.accountUrl(never), url);
  assert.deepEqual([folders(stage.root).length, stage.warnings], [1, []]);
});
