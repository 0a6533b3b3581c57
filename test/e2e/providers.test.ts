import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { afterTest } from '../harness/after-test.ts';
import { type Account, accountNames, openAccount } from '../world/apis/accounts.ts';
import { environmentFor, type Ingress } from '../world/ingress.ts';
import type { World } from '../world/world.ts';
import { again, eventually, plantCertificate, worldFor } from './support.ts';

/** The maximum number of calls of a first start with CAA, according to each provider's document. */
const firstStart: Readonly<Record<string, number>> = { cloudflare: 4, linode: 10, namecheap: 4, route53: 5 };

async function begin(t: TestContext, name: string): Promise<{ world: World; account: Account }> {
  const world = await worldFor(t, { zones: ['example.test'] });
  const account = await openAccount(name, { zones: [world.zone], publisher: world.nameServers });
  afterTest(t, () => account[Symbol.asyncDispose]());
  return { world, account };
}

const runs = ({ log }: Ingress) => log.filter(({ event }) => event === 'pass-finished').length;

async function anotherRun(ingress: Ingress): Promise<void> {
  const before = runs(ingress);
  ingress.signal('SIGHUP');
  await eventually('another run', () => runs(ingress) > before || undefined, 30_000);
}

const kinds = ({ api }: Account) => api.calls.map(({ kind }) => kind);

for (const name of accountNames) {
  test(`${name}: a first start up to HTTPS with CAA, a run without changes, and a renewal`, async (t) => {
    const { world, account } = await begin(t, name);
    const environment = await environmentFor(world, { SET_CAA: 'true', ...account.environment });
    const ingress = again(t, environment);
    await ingress.seen('pass-finished');
    assert.equal((await world.request('app.example.test', '/')).status, 200);
    const most = firstStart[name] ?? 0;
    assert.ok(kinds(account).length <= most, `${kinds(account).length} calls: ${kinds(account).join(', ')}`);
    // If a write replaces the whole zone, this run removes the challenge.
    await anotherRun(ingress);
    assert.deepEqual(
      ingress.log.filter(({ event }) => event === 'pass-failed'),
      [],
    );
    account.api.resetCalls();
    await anotherRun(ingress);
    assert.deepEqual(kinds(account), ['read']);
    await ingress.end('SIGTERM');

    // Without its ledger: it would wait until no resolver caches the previous challenge any more.
    for (const folder of ['live', 'archive', 'dstack-ingress/ledger'])
      rmSync(join(environment['LETSENCRYPT_DIR'] ?? '', folder), { recursive: true });
    await plantCertificate(environment, 10);
    const renewing = again(t, environment);
    await renewing.seen('certificate-issued');
    await renewing.seen('pass-finished');
    const written = renewing.log.filter(({ event }) => event === 'records-published');
    assert.deepEqual(written, [], 'only the challenge is written');
    assert.equal((await world.request('app.example.test', '/')).status, 200);
  });

  test(`${name}: a write whose response is lost is repaired by the next run`, async (t) => {
    const { world, account } = await begin(t, name);
    account.api.failWhen(({ kind }) => kind === 'write', { kind: 'reset', executed: true }, 1);
    const environment = await environmentFor(world, { SET_CAA: 'true', ...account.environment });
    const ingress = again(t, environment);
    await ingress.seen('pass-failed');
    await ingress.seen('pass-finished', { timeoutMs: 90_000 });
    assert.equal((await world.request('app.example.test', '/')).status, 200);
  });
}
