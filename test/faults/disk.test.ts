import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { worldFor } from '../e2e/support.ts';
import { actsAt, environmentWithFault, type FaultAct, faulted } from '../world/faults/fault-points.ts';
import type { Environment, Ingress } from '../world/ingress.ts';
import type { World } from '../world/world.ts';
import { aftermath } from './aftermath.ts';
import { createRow } from './row.ts';
import { start } from './start.ts';
import {
  isOrderLost,
  reconcileNow,
  type StepFault,
  startFor,
  stepOf,
  stepsOf,
  whenFinished,
} from './steps.ts';

/**
 * The disk faults at a step: the disk becomes full, in the middle of the write if the step is one,
 * or read-only. A failure before a file is written has the same effect as a failure of the write,
 * so only FAULTS=every tries those.
 */
function disksAt(step: string): StepFault[] {
  const acts = actsAt(step).filter((act) => act === 'ENOSPC' || act === 'EROFS' || act === 'torn');
  const fills = acts.includes('torn') ? 'torn' : 'ENOSPC';
  const all = acts.filter((act) => act === 'EROFS' || act === fills).map((act) => ({ act, step }));
  if (process.env['FAULTS'] === 'every') return all;
  const fitting = ({ act }: StepFault) =>
    act === 'EROFS' ? /^(?:rename|symlink|rm) /.test(step) : step.startsWith('write ');
  return all.filter(fitting);
}

const titles: Partial<Record<FaultAct, string>> = {
  ...{ ENOSPC: 'full', torn: 'full in the middle', EROFS: 'read-only' },
};

test('a volume that cannot be written from some step of a first start on, until it is repaired', {
  concurrency: 6,
}, async (t) => {
  const world = await worldFor(t);
  const steps = await stepsOf(world, startFor);
  const row = createRow(t);
  const tried = steps.flatMap(disksAt).map(({ act, step }, index) =>
    row.tryOne(`${titles[act]}: ${step}`, async () => {
      const environment = await startFor(world, `disk${index}`);
      const home = dirname(environment['LETSENCRYPT_DIR'] ?? '');
      const mended = `${home}/mended`;
      const at = stepOf(step, environment);
      const faulty = environmentWithFault(environment, { at, act, until: mended });
      await survive(world, faulty, mended, isOrderLost(steps, { act, step }) ? 2 : 1);
      assert.ok(faulted(faulty).includes(at), `${at} never occurred`);
      await rm(home, { recursive: true, force: true });
    }),
  );
  await Promise.all(tried);
  row.print();
});

/** Expects the first process to recover, or a second one if the first has ended. */
async function survive(world: World, faulty: Environment, mended: string, orders: number): Promise<void> {
  await using ingress = start(faulty);
  const end = await firstEnd(ingress);
  await writeFile(mended, '');
  const check = async () => assert.deepEqual(await aftermath(world, faulty, orders), []);
  if (end === 'ended') return whenFinished(faulty, check);
  await reconcileNow(ingress);
  await check();
}

/** The end of the run with the fault, or of the process. */
async function firstEnd(ingress: Ingress): Promise<'finished' | 'failed' | 'ended'> {
  return Promise.race([
    ingress.seen('pass-finished').then(() => 'finished' as const),
    ingress.seen('pass-failed').then(() => 'failed' as const),
    ingress.ended.then(() => 'ended' as const),
  ]);
}
