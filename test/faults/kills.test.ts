import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { worldFor } from '../e2e/support.ts';
import { actsAt, environmentWithFault, points } from '../world/faults/fault-points.ts';
import { aftermath } from './aftermath.ts';
import { createRow } from './row.ts';
import {
  isOrderLost,
  renewalFor,
  type StepFault,
  startFor,
  stepOf,
  stepsOf,
  untilItEnds,
  whenFinished,
} from './steps.ts';

/**
 * A kill there leaves what one a step earlier leaves: nobody looks for an empty folder or at a temporary file, what the kernel has outlives
 * the process, and reading changes nothing. FAULTS=every tries these too.
 */
function isIdle(step: string): boolean {
  return /^(?:mkdir|open|sync|GET|HEAD) |\.tmp #\d+$/.test(step) && process.env['FAULTS'] !== 'every';
}

/** Before a step is after the one before it. */
function killsAt(step: string): StepFault[] {
  const acts = actsAt(step).filter((act) => act === 'kill-after' || act === 'kill-torn');
  return acts.map((act) => ({ act, step }));
}

const starts = [
  ['a first start', startFor, () => true],
  // Until then it does what a first start does.
  ['a renewal, once it is issued', renewalFor, (step: string) => / (?:archive|live|renewal)\//.test(step)],
] as const;

for (const [title, start, isTried] of starts) {
  test(`SIGKILL at every step of ${title}`, { concurrency: 3 }, async (t) => {
    const world = await worldFor(t);
    const steps = await stepsOf(world, start);
    const kills = steps.filter((step) => isTried(step) && !isIdle(step)).flatMap(killsAt);
    assert.ok(kills.length >= 8, steps.join('\n'));
    const row = createRow(t);
    const tried = kills.map((kill, index) => {
      const { act, step } = kill;
      return row.tryOne(`${act} ${step}`, async () => {
        const environment = await start(world, `kill${index}`);
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
    row.print();
  });
}
