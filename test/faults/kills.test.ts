import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { worldFor } from '../e2e/support.ts';
import { actsAt, environmentWithFault, points } from '../world/fault-points.ts';
import { aftermath } from './aftermath.ts';
import {
  isOrderLost,
  type StepFault,
  startFor,
  stepOf,
  stepsOfFirstStart,
  untilItEnds,
  whenFinished,
} from './steps.ts';

/** Before a step is after the one before it. */
function killsAt(step: string): StepFault[] {
  const acts = actsAt(step).filter((act) => act === 'kill-after' || act === 'kill-torn');
  return acts.map((act) => ({ act, step }));
}

test('SIGKILL at every step of a first start', { concurrency: 3, timeout: 590_000 }, async (t) => {
  const world = await worldFor(t);
  const steps = await stepsOfFirstStart(world);
  const kills = steps.flatMap(killsAt);
  const tried = kills.map((kill, index) => {
    const { act, step } = kill;
    return t.test(`${act} ${step}`, async () => {
      const environment = await startFor(world, `kill${index}`);
      const at = stepOf(step, environment);
      const faulty = environmentWithFault(environment, { at, act });
      const { exitCode, words } = await untilItEnds(faulty);
      assert.equal(exitCode, undefined, `it ended by itself: ${words.join('\n')}`);
      assert.equal(points(faulty).at(-1), at);
      const orders = isOrderLost(steps, kill) ? 2 : 1;
      await whenFinished(environment, async () => {
        assert.deepEqual(await aftermath(world, environment, orders), []);
      });
      await rm(dirname(environment['LETSENCRYPT_DIR'] ?? ''), { recursive: true, force: true });
    });
  });
  await Promise.all(tried);
});
