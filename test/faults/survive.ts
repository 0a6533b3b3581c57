import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { TestContext } from 'node:test';
import { environmentWithClock, type JumpingClock } from '../world/faults/clock-jump.ts';
import type { Environment, Ingress } from '../world/ingress.ts';
import type { World } from '../world/world.ts';
import { aftermath } from './aftermath.ts';
import { createRow } from './row.ts';
import { HASTE, start } from './start.ts';
import { reconcileNow, startFor } from './steps.ts';

/** Where a fault is tried: the world, and the ingress that must recover from it. */
export interface Scene {
  readonly world: World;
  readonly environment: Environment;
  readonly ingress: Ingress;
  /** The ingress's clock; other clocks are not affected. */
  readonly clock: JumpingClock;
}

/** A fault in the environment of the ingress. */
export interface Trial {
  /** The title in the table. */
  readonly title: string;
  /** Injects the fault before the ingress starts. */
  readonly begin: (world: World, clock: JumpingClock) => Promise<void> | void;
  /** Resolves once the fault has occurred and may end; rejects if it never occurs. */
  readonly triggered: (scene: Scene) => Promise<unknown>;
  /** Ends the fault. */
  readonly end?: (scene: Scene) => Promise<void> | void;
  /** The number of orders that the fault makes necessary. Default 1. */
  readonly orders?: number;
  /** The number of accounts that the fault makes necessary. Default 1. */
  readonly accounts?: number;
  /** Whether the faults stay after they have occurred. Default: all are cleared. */
  readonly stays?: boolean;
  /**
   * Whether a run is requested (SIGHUP) after the fault. Default: the ingress recovers by itself.
   */
  readonly needsSighup?: boolean;
  /** Changes to the environment variables. */
  readonly environment?: Environment;
  /**
   * Whether the trial depends on time limits: these are divided by HASTE, and so are the injected
   * delays.
   */
  readonly hasty?: boolean;
}

const LONGEST_MS = 90_000;
/** The maximum number of failed runs in 90 seconds, according to the back-off. */
const MOST_FAILURES = 4;
/** The number of log lines that are shown with a failure. */
const LAST_LINES = 20;

/** A row of trials, run in sequence. */
export async function surviveEach(t: TestContext, world: World, trials: readonly Trial[]): Promise<void> {
  const row = createRow(t);
  for (const [index, trial] of trials.entries()) {
    clearFaults(world);
    await row.tryOne(trial.title, () => survive(world, `trial${index}`, trial));
  }
  row.print();
}

/**
 * Starts an ingress with the fault, ends the fault once it has occurred, and lets the ingress
 * finish a run. Then nothing may be left of the fault.
 */
export async function survive(world: World, host: string, trial: Trial): Promise<void> {
  const plain = { ...(await startFor(world, host)), CERTBOT_EMAIL: `${host}@example.test` };
  const clock = environmentWithClock({ ...plain, ...trial.environment });
  const { environment } = clock;
  world.acmeFront.clockSkewMs = 0;
  await trial.begin(world, clock);
  await using ingress = start(environment, {
    haste: trial.hasty ? HASTE : 1,
    leaps: (ms) => {
      world.acmeFront.clockSkewMs += ms;
    },
  });
  const scene = { world, environment, ingress, clock };
  try {
    await trial.triggered(scene);
  } catch (cause) {
    throw new Error([`the fault did not occur: ${String(cause)}`, ...lastLines(ingress)].join('\n'), {
      cause,
    });
  } finally {
    if (!trial.stays) clearFaults(world);
    await trial.end?.(scene);
  }
  if (trial.needsSighup) await reconcileNow(ingress);
  else await ingress.seen('pass-finished', { timeoutMs: LONGEST_MS });
  const leftovers = await aftermath(world, environment, trial.orders);
  assert.deepEqual(leftovers, [], [...leftovers, ...lastLines(ingress)].join('\n'));
  const failures = ingress.log.filter(({ event }) => event === 'pass-failed').length;
  assert.ok(failures <= MOST_FAILURES, `${failures} runs failed`);
  const accounts = accountsMade(world, environment);
  assert.ok(accounts <= (trial.accounts ?? 1), `${accounts} accounts were created`);
  await ingress.end('SIGTERM');
  await rm(dirname(environment['LETSENCRYPT_DIR'] ?? ''), { recursive: true, force: true });
}

function lastLines({ log }: Ingress): string[] {
  return log.slice(-LAST_LINES).map((line) => JSON.stringify(line));
}

/** Clears all faults. */
function clearFaults(world: World): void {
  const { acmeFront, cloudflare, resolver, nameServers } = world;
  acmeFront.clearFaults();
  acmeFront.completeOrders();
  cloudflare.clearFaults();
  for (const { faults } of [resolver, resolver.forIngress, resolver.forCa, nameServers.ns1, nameServers.ns2])
    faults.clear();
}

/** The number of accounts that the CA has created for this ingress. */
function accountsMade({ acmeFront }: World, { CERTBOT_EMAIL = '' }: Environment): number {
  const made = acmeFront.granted.filter(({ kind, status }) => kind === 'POST /sign-me-up' && status === 201);
  return made.filter(({ payload }) => JSON.stringify(payload).includes(`mailto:${CERTBOT_EMAIL}`)).length;
}
