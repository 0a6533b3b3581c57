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
  askForRound,
  isOrderLost,
  type StepFault,
  startFor,
  stepOf,
  stepsOf,
  whenFinished,
} from './steps.ts';

/**
 * A disk that becomes full, in the middle of a write where there is one, and a volume that becomes read-only. What fails before a file
 * is written fails as the writing does: FAULTS=every tries that too.
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

test('a volume that takes nothing from some step of a first start on, until it does again', {
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
      assert.ok(faulted(faulty).includes(at), `${at} never came`);
      await rm(home, { recursive: true, force: true });
    }),
  );
  await Promise.all(tried);
  row.print();
});

/** One process to the end where it lasts, another one after it where it does not. */
async function survive(world: World, faulty: Environment, mended: string, orders: number): Promise<void> {
  await using ingress = start(faulty);
  const end = await firstEnd(ingress);
  await writeFile(mended, '');
  const look = async () => assert.deepEqual(await aftermath(world, faulty, orders), []);
  if (end === 'ended') return whenFinished(faulty, look);
  await askForRound(ingress);
  await look();
}

/** How the round in which the fault came has ended, or the process. */
async function firstEnd(ingress: Ingress): Promise<'finished' | 'failed' | 'ended'> {
  return Promise.race([
    ingress.seen('pass-finished').then(() => 'finished' as const),
    ingress.seen('pass-failed').then(() => 'failed' as const),
    ingress.ended.then(() => 'ended' as const),
  ]);
}
