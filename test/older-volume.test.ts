import assert from 'node:assert/strict';
import { cpSync, globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createBudget } from '../providers/shared/budget.ts';
import { createAccountStore } from '../src/acme/account-store.ts';
import { createLedger } from '../src/acme/ledger/ledger.ts';
import { createOrderStore } from '../src/acme/ledger/order-store.ts';
import { isKeyOf } from '../src/certificates/certificate.ts';
import { createCertificateStore } from '../src/certificates/store.ts';
import { createProviderFiles } from '../src/commands/wiring/provider-context.ts';
import { createOutgoing } from '../src/net/outgoing.ts';
import { createChallengeJournal } from '../src/records/journal.ts';
import { createFakeClock } from './harness/fake-clock.ts';
import { temporaryDirectory } from './harness/temporary-directory.ts';

/**
 * A volume that the program wrote at commit 6973cc9, before its parts were renamed. Its formats
 * have to stay readable. Its keys were created for this test only. It contains two accounts, the
 * first of which has ended; a certificate of 1 October; a compacted ledger of 24 November with a
 * failed attempt and an order (a3) that is still open; and the journal of that order's challenge.
 */
const VOLUME = fileURLToPath(new URL('./fixtures/volume-6973cc9', import.meta.url));
const DIRECTORY = 'https://ca.example/directory';
const NAME = 'app.example.com';
const NOW = new Date('2026-11-24T12:20:00.000Z');

function copyOf(t: TestContext) {
  const root = temporaryDirectory(t);
  cpSync(VOLUME, root, { recursive: true, verbatimSymlinks: true });
  const clock = createFakeClock(NOW);
  return {
    root,
    clock,
    accounts: createAccountStore(root, DIRECTORY, clock, async () => [NAME], assert.fail),
    ledger: createLedger(root, DIRECTORY, clock, assert.fail),
    orders: createOrderStore(root, DIRECTORY, assert.fail),
    journal: createChallengeJournal(root, NAME, assert.fail),
    certificates: createCertificateStore(root, { noStaging: true, clock, warn: assert.fail }),
  };
}

const filesOf = (root: string) =>
  globSync('**', { cwd: root })
    .filter((path) => statSync(join(root, path)).isFile())
    .sort()
    .map((path) => [path, readFileSync(join(root, path), 'utf8')]);

test('reading an older volume changes nothing on it', async (t) => {
  const { root, accounts, ledger, orders, journal, certificates } = copyOf(t);
  await accounts.load();
  await ledger.history();
  for (const key of [NAME, '*.example.com']) assert.ok(await orders.load(key));
  await journal.entries();
  assert.ok(await certificates.load([NAME]));
  assert.deepEqual(filesOf(root), filesOf(VOLUME));
});

test('the account that has not ended is loaded', async (t) => {
  const { accounts } = copyOf(t);
  assert.equal((await accounts.load())?.url, 'https://ca.example/acct/2');
  assert.deepEqual(await accounts.endedUrls(), ['https://ca.example/acct/1']);
  assert.deepEqual(await accounts.lastEndedAt(), new Date('2026-10-01T00:00:00.000Z'));
});

test('the ledger is read', async (t) => {
  const { ledger, certificates } = copyOf(t);
  const history = await ledger.history();
  const at = (time: string) => new Date(`2026-11-24T${time}:00.000Z`);
  const serial = (await certificates.load([NAME]))?.facts.serial;
  assert.equal(history.lastIssued([NAME])?.serial, serial);
  assert.deepEqual(history.lastRefusal([NAME]), {
    ...{ at: at('12:00'), code: 'ACME_ORDER_FAILED', message: 'no TXT record' },
  });
  assert.equal(history.refusalsInARow([NAME]), 1);
  assert.deepEqual(history.failedAuthorizations(NAME), [at('12:00')]);
  assert.deepEqual(history.fruitlessOrders([NAME]), [at('12:00'), at('12:10')]);
  assert.deepEqual(history.notBefore([NAME]), at('12:01'));
  assert.deepEqual(history.pausedUntil(), at('12:05'));
  assert.deepEqual(history.advice('aki.serial')?.pollAgainAt, at('18:00'));
});

test('an open order is loaded with its key, and its challenge is journalled as ours', async (t) => {
  const { orders, journal, certificates } = copyOf(t);
  const order = await orders.load(NAME);
  assert.deepEqual(
    { ...order, keyPem: undefined },
    {
      ...{ directoryUrl: DIRECTORY, accountUrl: 'https://ca.example/acct/2', names: [NAME] },
      ...{ profile: 'shortlived', attempt: 'a3', url: 'https://ca.example/order/3' },
      createdAt: '2026-11-24T12:10:00.000Z',
      values: [{ domain: NAME, name: `_acme-challenge.${NAME}`, value: 'v3' }],
      keyPem: undefined,
    },
  );
  const bundle = await certificates.load([NAME]);
  assert.ok(bundle && order?.keyPem && isKeyOf(order.keyPem, bundle));
  assert.deepEqual(
    (await journal.entries()).map(({ zoneId, value, handle }) => [zoneId, value, handle]),
    [
      ['z1', 'v2', 'r1'],
      ['z1', 'v3', undefined],
    ],
  );
});

test('the budget of calls continues', async (t) => {
  const { root, clock } = copyOf(t);
  clock.set(new Date('2026-11-24T12:10:00.000Z'));
  const files = createProviderFiles(root, 'cloudflare');
  const limit = { burst: 100, calls: 200, perMs: 60_000 };
  const context = {
    clock,
    files,
    onWait: () => assert.fail(),
    warn: assert.fail,
    outgoing: createOutgoing(undefined),
  };
  await createBudget({ title: 'Cloudflare', limit, context }).spend(new AbortController().signal);
  assert.equal(JSON.parse((await files.read('budget.json')) ?? '').tokens, 98);
});
