import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { providers } from '../../providers/registry.ts';
import { systemClock } from '../../src/clock.ts';
import { assembleExternal, specOf } from '../../src/commands/wiring/external-deps.ts';
import { createProviderFiles } from '../../src/commands/wiring/provider-context.ts';
import { loadConfig } from '../../src/config/config.ts';
import { emptySharedState, manageCertificate } from '../../src/reconcile/deps.ts';
import { caaOwnersOf } from '../../src/reconcile/discover.ts';
import { reconcile } from '../../src/reconcile/reconcile.ts';
import type { ReconcileResult } from '../../src/reconcile/report.ts';
import { createChallengeJournals } from '../../src/records/journal.ts';
import { memoryLog } from '../harness/memory-log.ts';
import { type Environment, environmentFor } from '../world/ingress.ts';
import type { World } from '../world/world.ts';
import { worldFor } from './support.ts';

/**
 * One start and its first run, with everything but HAProxy. All state that is not on the volume is
 * new, as in a process of its own. (crash.test.ts shows that a killed process leaves the same
 * behind.)
 */
async function start(environment: Environment): Promise<ReconcileResult> {
  const config = loadConfig(environment, (path) => readFileSync(path, 'utf8'), providers);
  const { letsencryptDir, provider } = config;
  const { emit } = memoryLog();
  const files = createProviderFiles(letsencryptDir, provider.name);
  const context = { clock: systemClock, files, onWait: () => undefined, warn: () => undefined };
  const external = assembleExternal(config, context);
  const parts = {
    ...external,
    spec: specOf(config, external),
    caaOwners: caaOwnersOf(external.authorities),
    journalOf: createChallengeJournals(letsencryptDir, () => undefined),
    serve: async () => undefined,
    ...{ random: Math.random, newId: randomUUID, emit, warn: () => undefined, warnOf: () => undefined },
    shared: emptySharedState(),
  };
  const kept = config.certificates.map(({ names }) => manageCertificate(names));
  const [result] = await reconcile(parts, kept, AbortSignal.timeout(60_000));
  assert.ok(result);
  return result;
}

/** The requests to the CA in this many restarts, in immediate succession. */
async function crashLoop({ pebble, apiCaFile }: World, environment: Environment, times: number) {
  // Node.js reads NODE_EXTRA_CA_CERTS at its start only.
  setDefaultCACertificates([...getCACertificates(), readFileSync(apiCaFile, 'utf8')]);
  const results: ReconcileResult[] = [];
  for (let attempt = 0; attempt < times; attempt += 1) results.push(await start(environment));
  return { orders: pebble.orders(), validations: pebble.validations(), last: results.at(-1) };
}

test('70 restarts with a read-only token: one order, and no validation', async (t) => {
  const token = { zones: { 'example.test': { zoneRead: true, dnsRead: true } } };
  const world = await worldFor(t, { cloudflare: { token } });
  const { orders, validations, last } = await crashLoop(world, await environmentFor(world), 70);
  assert.deepEqual([orders, validations], [1, 0]);
  const codes = last?.failures.map(({ failure }) => String(Object(failure).code));
  assert.ok(codes?.includes('PROVIDER_PERMISSION_MISSING'), String(codes));
});

test('70 restarts while the CA cannot validate: one validation, and the next start waits and says until when', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world, { DNS_RESOLVERS: `${world.nameServers.ns1.address}:53` });
  await world.resolver.stop();
  const { orders, validations, last } = await crashLoop(world, environment, 70);
  assert.ok(orders <= 2 && validations <= 2, `${orders} orders, ${validations} validations`);
  assert.ok(last?.deferral && last.deferral.until > new Date(Date.now() - 1000), 'the order is deferred');
});

test('60 restarts on a volume that refuses the certificate: it is issued once', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world);
  const volume = environment['LETSENCRYPT_DIR'] ?? '';
  mkdirSync(volume, { recursive: true });
  writeFileSync(join(volume, 'archive'), 'a file instead of the folder');
  const { orders, validations, last } = await crashLoop(world, environment, 60);
  assert.deepEqual([orders, validations], [1, 1]);
  const codes = last?.failures.map(({ failure }) => String(Object(failure).code));
  assert.ok(codes?.includes('STORE_FAILED'), String(codes));
});
