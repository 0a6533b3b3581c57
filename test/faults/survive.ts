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
import { askForRound, startFor } from './steps.ts';

/** Where a fault is tried: the world, and the ingress that is to survive it. */
export interface Scene {
  readonly world: World;
  readonly environment: Environment;
  readonly ingress: Ingress;
  /** Of the ingress alone. */
  readonly clock: JumpingClock;
}

/** A fault of somebody around the ingress. */
export interface Trial {
  /** For a person who reads the table. */
  readonly title: string;
  /** Lets it happen, from before the start of the ingress on. */
  readonly begin: (world: World, clock: JumpingClock) => Promise<void> | void;
  /** Resolves when it has been met, and may end; rejects when it never is. */
  readonly met: (scene: Scene) => Promise<unknown>;
  /** Ends it. */
  readonly end?: (scene: Scene) => Promise<void> | void;
  /** The orders that it forces. Default 1. */
  readonly orders?: number;
  /** The accounts that it forces. Default 1. */
  readonly accounts?: number;
  /** Whether the faults stay when they were met. Default: all end. */
  readonly stays?: boolean;
  /** Whether somebody asks for a round once it is over (SIGHUP). Default: the ingress comes back by itself. */
  readonly asked?: boolean;
  /** Changes of the environment. */
  readonly environment?: Environment;
  /** Whether it is about time limits: they are divided by HASTE, and so is the lateness that it is about. */
  readonly hasty?: boolean;
}

const LONGEST_MS = 90_000;
/** As many as there are in a minute and a half, by the back-off. */
const MOST_FAILURES = 4;
/** Of the log, shown where something is not as it has to be. */
const LAST_LINES = 20;

/** A row of trials, one after the other. */
export async function surviveEach(t: TestContext, world: World, trials: readonly Trial[]): Promise<void> {
  const row = createRow(t);
  for (const [index, trial] of trials.entries()) {
    behave(world);
    await row.tryOne(trial.title, () => survive(world, `trial${index}`, trial));
  }
  row.print();
}

/**
 * Starts an ingress with the fault, ends the fault when it was met, and lets the ingress finish a round by itself. Then nothing may
 * remind of it.
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
    await trial.met(scene);
  } catch (cause) {
    throw new Error([`the fault was not met: ${String(cause)}`, ...lastLines(ingress)].join('\n'), { cause });
  } finally {
    if (!trial.stays) behave(world);
    await trial.end?.(scene);
  }
  if (trial.asked) await askForRound(ingress);
  else await ingress.seen('pass-finished', { timeoutMs: LONGEST_MS });
  const reminders = await aftermath(world, environment, trial.orders);
  assert.deepEqual(reminders, [], [...reminders, ...lastLines(ingress)].join('\n'));
  const failures = ingress.log.filter(({ event }) => event === 'pass-failed').length;
  assert.ok(failures <= MOST_FAILURES, `${failures} runs failed`);
  const accounts = accountsMade(world, environment);
  assert.ok(accounts <= (trial.accounts ?? 1), `${accounts} accounts were made`);
  await ingress.end('SIGTERM');
  await rm(dirname(environment['LETSENCRYPT_DIR'] ?? ''), { recursive: true, force: true });
}

function lastLines({ log }: Ingress): string[] {
  return log.slice(-LAST_LINES).map((line) => JSON.stringify(line));
}

/** Nobody has a fault any more. */
export function behave(world: World): void {
  const { acmeFront, cloudflare, resolver, nameServers } = world;
  acmeFront.clearFaults();
  acmeFront.releaseOrders();
  cloudflare.clearFaults();
  for (const { faults } of [resolver, resolver.forIngress, resolver.forCa, nameServers.ns1, nameServers.ns2])
    faults.clear();
}

/** How many accounts of this ingress the CA has made. */
function accountsMade({ acmeFront }: World, { CERTBOT_EMAIL = '' }: Environment): number {
  const made = acmeFront.granted.filter(({ kind, status }) => kind === 'POST /sign-me-up' && status === 201);
  return made.filter(({ payload }) => JSON.stringify(payload).includes(`mailto:${CERTBOT_EMAIL}`)).length;
}
