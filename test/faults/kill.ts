import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { environmentWithFault, points } from '../world/faults/fault-points.ts';
import type { Environment } from '../world/ingress.ts';
import type { World } from '../world/world.ts';
import { aftermath } from './aftermath.ts';
import { isOrderLost, type Start, type StepFault, stepOf, untilItEnds, whenFinished } from './steps.ts';

export interface KillTrial {
  readonly world: World;
  /** The steps of a start without a fault. */
  readonly steps: readonly string[];
  readonly kill: StepFault;
  readonly run: Start;
}

/** Kills an ingress at a step, and checks that the next start recovers. */
export async function surviveKill(
  environment: Environment,
  { world, steps, kill, run }: KillTrial,
): Promise<void> {
  const at = stepOf(kill.step, environment);
  const faulty = environmentWithFault(environment, { at, act: kill.act });
  const { exitCode, words } = await untilItEnds(faulty, run);
  assert.equal(exitCode, undefined, `it ended without being killed: ${words.join('\n')}`);
  assert.equal(points(faulty).at(-1), at);
  const orders = isOrderLost(steps, kill) ? 2 : 1;
  const check = async () => assert.deepEqual(await aftermath(world, environment, orders), []);
  await whenFinished(environment, check, run);
  await rm(dirname(environment['LETSENCRYPT_DIR'] ?? ''), { recursive: true, force: true });
}
