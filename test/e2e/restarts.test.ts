import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Environment, environmentFor, type Ingress, startIngress } from '../world/ingress.ts';
import type { World } from '../world/world.ts';
import { worldFor } from './support.ts';

const RESTARTS = 20;

/**
 * Starts the ingress again and again, as `restart: unless-stopped` does, each time until a first pass has failed, or until `end` says so, and
 * ends it by SIGKILL.
 */
async function crashLoop(
  environment: Environment,
  times: number,
  end: (ingress: Ingress, turn: number) => Promise<unknown>,
): Promise<void> {
  for (let turn = 0; turn < times; turn += 1) {
    await using ingress = startIngress(environment);
    await end(ingress, turn);
    await ingress.end('SIGKILL');
  }
}

const failed = (ingress: Ingress) =>
  Promise.race([
    ingress.seen('pass-failed', { timeoutMs: 60_000 }),
    ingress.seen('pass-finished', { timeoutMs: 60_000 }),
  ]);

function counts({ pebble }: World) {
  return { orders: pebble.orders(), validations: pebble.validations() };
}

test(`${RESTARTS} restarts with wrong DNS rights, failing validations and crashes touch no limit`, async (t) => {
  await t.test('a token that may not write: one order, and nothing is validated', async (t) => {
    const world = await worldFor(t, {
      cloudflare: { token: { zones: { 'example.test': { zoneRead: true, dnsRead: true } } } },
    });
    await crashLoop(await environmentFor(world), RESTARTS, failed);
    assert.deepEqual(counts(world), { orders: 1, validations: 0 });
  });
});
