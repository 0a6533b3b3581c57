import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setDefaultCACertificates } from 'node:tls';
import { deactivateAccount } from '../../test/harness/ca/deactivate-account.ts';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { type Pebble, startPebble } from '../../test/world/ca/pebble.ts';
import { claimLoopback, type Loopback } from '../../test/world/loopback.ts';
import { isIngressError } from '../errors.ts';
import { createAccountStore } from './account-store.ts';
import { createAcmeClient } from './client.ts';

/** Accounts that come to an end while we use them, at real Pebble. */

const never = new AbortController().signal;
const NAMES = ['app.example.test'];
const DAY_MS = 86_400_000;
const START = new Date('2026-11-30T12:00:00Z');

let directory: string;
let loopback: Loopback;
let pebble: Pebble;

before(async () => {
  loopback = await claimLoopback();
  directory = mkdtempSync(join(tmpdir(), 'account-ends-'));
  const address = loopback.next();
  pebble = await startPebble({ directory, address, dnsServer: `${address}:53`, nonceReject: 20 });
  setDefaultCACertificates([readFileSync(pebble.apiCaFile, 'utf8')]);
});
after(async () => {
  await pebble[Symbol.asyncDispose]();
  await loopback[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

/** A volume; each `start` is a process that knows nothing else. */
function setUp() {
  const root = mkdtempSync(join(directory, 'volume-'));
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

test('a deactivated account: another key and account, said, and used from then on', async () => {
  const stage = setUp();
  const { root, warnings, start } = stage;
  const authority = start();
  const old = await authority.accountUrl(never);
  const [folder = ''] = folders(root);
  const kept = globSync(`${folder}/*`, { cwd: root }).map((path) => readFileSync(join(root, path), 'utf8'));
  await deactivate(stage);
  await assert.rejects(authority.createOrder({ names: NAMES }, never), (thrown) => {
    assert.ok(isIngressError(thrown, 'ACME_ACCOUNT_REPLACED'), String(thrown));
    assert.ok(thrown.message.includes(old));
    assert.match(String(thrown.cause), /unauthorized/);
    return true;
  });
  const url = await authority.accountUrl(never);
  assert.notEqual(url, old);
  assert.match(
    warnings.join('\n'),
    new RegExp(
      `^the account ${old} cannot be used any more \\(.*deactivated.*\\); ${url} is used from now on$`,
    ),
  );
  assert.equal((await authority.createOrder({ names: NAMES }, never)).order.status, 'pending');
  const again = start();
  assert.equal(await again.storedAccountUrl(), url, 'also after a restart');
  assert.equal((await again.createOrder({ names: NAMES }, never)).order.status, 'pending');
  assert.deepEqual([warnings.length, folders(root).length], [1, 2]);
  const still = globSync(`${folder}/*`, { cwd: root }).map((path) => readFileSync(join(root, path), 'utf8'));
  assert.deepEqual(still, kept, 'the old account lies as it lay');
});

test('many orders at once that are refused for it make one account', async () => {
  const stage = setUp();
  const authority = stage.start();
  await authority.accountUrl(never);
  await deactivate(stage);
  const orders = Array.from({ length: 8 }, () => authority.createOrder({ names: NAMES }, never));
  for (const outcome of await Promise.allSettled(orders))
    assert.ok(outcome.status === 'rejected' && isIngressError(outcome.reason, 'ACME_ACCOUNT_REPLACED'));
  assert.deepEqual([folders(stage.root).length, stage.warnings.length], [2, 1]);
});

test('an account that ends again within a day is not replaced before that is over', async () => {
  const stage = setUp();
  const authority = stage.start();
  const order = () => authority.createOrder({ names: NAMES }, never);
  await authority.accountUrl(never);
  await deactivate(stage);
  await assert.rejects(order(), { code: 'ACME_ACCOUNT_REPLACED' });
  await deactivate(stage);
  stage.clock.set(new Date(START.getTime() + DAY_MS - 1));
  await assert.rejects(order(), {
    code: 'ACME_PROBLEM',
    hint: /next account is made after 2026-12-01T12:00:00\.000Z/,
  });
  assert.equal(folders(stage.root).length, 2);
  stage.clock.set(new Date(START.getTime() + DAY_MS));
  await assert.rejects(order(), { code: 'ACME_ACCOUNT_REPLACED' });
  await order();
  assert.equal(folders(stage.root).length, 3);
});

test('an account whose URL is not on the volume, and whose key is deactivated: another one, at once', async () => {
  const stage = setUp();
  const old = await stage.start().accountUrl(never);
  await deactivate(stage);
  const [registration = ''] = globSync('accounts/*/dir/*/regr.json', { cwd: stage.root });
  rmSync(join(stage.root, registration));
  const authority = stage.start();
  assert.notEqual(await authority.accountUrl(never), old);
  await authority.createOrder({ names: NAMES }, never);
  assert.equal(stage.warnings.length, 1);
});

test('a key that is not the one of the account is registered, and its files stay together', async () => {
  const stage = setUp();
  const old = await stage.start().accountUrl(never);
  const other = setUp();
  await other.start().accountUrl(never);
  const keyOf = ({ root }: Stage) =>
    join(root, globSync('accounts/*/dir/*/private_key.json', { cwd: root })[0] ?? '');
  writeFileSync(keyOf(stage), readFileSync(keyOf(other)));
  const authority = stage.start();
  await assert.rejects(authority.createOrder({ names: NAMES }, never), { code: 'ACME_ACCOUNT_REPLACED' });
  assert.equal(
    await authority.accountUrl(never),
    await other.accounts.load().then((account) => account?.url),
  );
  assert.match(stage.warnings.join(), new RegExp(`does not belong to the account ${old}`));
  await authority.createOrder({ names: NAMES }, never);
  assert.equal(folders(stage.root).length, 1);
});

test('a refusal that is not of the account leaves it as it is', async () => {
  const stage = setUp();
  const authority = stage.start();
  const url = await authority.accountUrl(never);
  const refused = authority.createOrder({ names: ['not a name'] }, never);
  await assert.rejects(refused, { code: 'ACME_PROBLEM', message: /\(malformed\)|\(rejectedIdentifier\)/ });
  assert.equal(await authority.accountUrl(never), url);
  assert.deepEqual([folders(stage.root).length, stage.warnings], [1, []]);
});
