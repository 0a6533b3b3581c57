import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';
import { worldFor } from '../e2e/support.ts';
import { actsAt } from '../world/faults/fault-points.ts';
import { surviveKill } from './kill.ts';
import { createRow } from './row.ts';
import { start } from './start.ts';
import { renewalFor, type StepFault, startFor, stepsOf } from './steps.ts';

/**
 * Whether a kill after this step leaves the same state as a kill one step earlier: empty folders
 * and temporary files are ignored, data that the kernel has outlives the process, and reading
 * changes nothing. FAULTS=every tries these too.
 */
function isIdle(step: string): boolean {
  return /^(?:mkdir|open|sync|GET|HEAD) |\.tmp #\d+$/.test(step) && process.env['FAULTS'] !== 'every';
}

/**
 * The kills after a step or in the middle of it. A kill before a step equals a kill after the
 * previous one.
 */
function killsAt(step: string): StepFault[] {
  const acts = actsAt(step).filter((act) => act === 'kill-after' || act === 'kill-torn');
  return acts.map((act) => ({ act, step }));
}

const starts = [
  ['a first start', startFor, () => true],
  // Until the issuance a renewal has the steps of a first start.
  ['a renewal, once it is issued', renewalFor, (step: string) => / (?:archive|live|renewal)\//.test(step)],
] as const;

for (const [title, prepare, isTried] of starts) {
  test(`SIGKILL at every step of ${title}`, { concurrency: 6 }, async (t) => {
    const world = await worldFor(t);
    const steps = await stepsOf(world, prepare);
    const kills = steps.filter((step) => isTried(step) && !isIdle(step)).flatMap(killsAt);
    assert.ok(kills.length >= 8, steps.join('\n'));
    const row = createRow(t);
    const tried = kills.map((kill, index) =>
      row.tryOne(`${kill.act} ${kill.step}`, async () =>
        surviveKill(await prepare(world, `kill${index}`), { world, steps, kill, run: start }),
      ),
    );
    await Promise.all(tried);
    row.print();
  });
}
