import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { txtValues, worldFor } from '../e2e/support.ts';
import { actsAt, environmentWithFault, type FaultAct, points, recordPoints } from '../world/fault-points.ts';
import { type Environment, environmentFor, startIngress } from '../world/ingress.ts';
import type { World } from '../world/world.ts';
import { survived } from './table.ts';

const NAME = 'app.example.test';
const CHALLENGE = `_acme-challenge.${NAME}`;
/** The CA is asked how far it is as often as it takes, so only the first time counts. */
const isAskedAgain = (label: string) =>
  /^(?:POST \/(?:authZ|my-order)|HEAD \/nonce-plz|GET )/.test(label) && !label.endsWith(' #1');

test('SIGKILL at every step of an issuance: a certificate, no stale challenge, one account, no order in vain', {
  timeout: 1_500_000,
}, async (t) => {
  const world = await worldFor(t);
  // The records stand already, so that every run does the same.
  await run(world, await environmentFor(world));
  const recorded = recordPoints(await environmentFor(world));
  await run(world, recorded);
  const steps = points(recorded).filter((label) => !isAskedAgain(label));
  assert.ok(steps.length > 40, steps.join('\n'));
  const kills = steps.flatMap((at) =>
    actsAt(at)
      .filter((act) => act === 'kill-before' || act === 'kill-after')
      .map((act) => ({ at, act })),
  );
  const wrong: string[] = [];
  for (const kill of kills) {
    const why = await killedAt(world, kill).catch((thrown: unknown) => String(thrown));
    if (why !== undefined) wrong.push(`${kill.act} ${kill.at}: ${why}`);
  }
  survived(
    t,
    `SIGKILL at every step of an issuance (${steps.length} steps, before and after)`,
    kills.length,
    wrong,
  );
  assert.deepEqual(wrong, []);
});

/** A start that comes to its end. */
async function run(world: World, environment: Environment): Promise<void> {
  await using ingress = startIngress(environment);
  await ingress.seen('pass-finished', { timeoutMs: 60_000 });
  await ingress.end('SIGTERM');
  void world;
}

interface Kill {
  readonly at: string;
  readonly act: FaultAct;
}

/** Kills a first start at a point, starts it again, and says what is wrong then; undefined when all is well. */
async function killedAt(world: World, kill: Kill): Promise<string | undefined> {
  const plain = await environmentFor(world);
  const before = world.pebble.orders();
  const faulty = environmentWithFault(plain, kill);
  {
    await using killed = startIngress(faulty);
    const { exitCode } = await killed.ended;
    if (exitCode !== undefined) return `it ended by itself with ${exitCode}`;
  }
  if (points(faulty).at(-1) !== kill.at) return `it was killed at ${points(faulty).at(-1)}`;
  await run(world, plain);
  const orders = world.pebble.orders() - before;
  const volume = plain['LETSENCRYPT_DIR'] ?? '';
  const left = txtValues(world, CHALLENGE);
  const faults = [
    ...(existsSync(join(volume, 'live', NAME, 'fullchain.pem')) ? [] : ['no certificate']),
    ...(left.length === 0 ? [] : [`a challenge is left: ${left.join()}`]),
    ...(orders <= allowed(kill) ? [] : [`${orders} orders`]),
    ...(accounts(volume) === 1 ? [] : [`${accounts(volume)} accounts`]),
    ...(openOrders(volume) === 0 ? [] : ['an open order is left']),
  ];
  await rm(join(volume, '..'), { recursive: true, force: true });
  return faults.length === 0 ? undefined : faults.join('; ');
}

/** Between the CA's answer and the first word of it on the volume an order is lost: that is forced. */
function allowed({ at, act }: Kill): number {
  const isLost =
    (at === 'POST /order-plz #1' && act === 'kill-after') ||
    /^\S+ dstack-ingress\/orders\/\S* #1$/.test(at) ||
    /^\S+ dstack-ingress\/orders\/[^ ]*\.json\S* #1$/.test(at);
  return isLost ? 2 : 1;
}

function accounts(volume: string): number {
  const folder = join(volume, 'accounts');
  const entries = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return entries.filter((entry) => entry.endsWith('private_key.json')).length;
}

function openOrders(volume: string): number {
  const folder = join(volume, 'dstack-ingress', 'orders');
  if (!existsSync(folder)) return 0;
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.json'))
    .length;
}
