import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../ingress.ts';
import { actsAt, type Fault, type FaultAct, type Point } from './preload/points.ts';
import { folderBesideVolume, withPreload } from './preload.ts';

export type { Fault, FaultAct, Point };
export { actsAt };

/**
 * The environment in which the ingress records its effects: every change below LETSENCRYPT_DIR and
 * every HTTP request, numbered. Read them with `points`. DNS and other sockets are not counted,
 * including that of the guest agent, whose SDK writes HTTP itself.
 */
export function recordPoints(environment: Environment): Environment {
  if (environment['FAULT_RECORD'] !== undefined) return environment;
  const FAULT_RECORD = join(folderBesideVolume(environment, 'faults'), 'record.jsonl');
  return { ...withPreload(environment, 'fault-points.ts'), FAULT_RECORD };
}

/**
 * Also injects one fault at a point. A label is the same in every run that does the same; a
 * number depends on the order of concurrent work. Throws if the fault is impossible at that point.
 * `kill-before` and `kill-after` are SIGKILL; for a request, before it is sent and when the header
 * of its response has arrived. `torn` writes half of the bytes and fails with ENOSPC; `kill-torn`
 * writes half and kills. A kill loses nothing that the kernel has; it is not a power failure. With
 * `until` the fault lasts until that file exists: a full disk (ENOSPC, torn) keeps refusing calls
 * that need space, which opening and linking mostly do not, and a read-only one (EROFS) every
 * change.
 */
export function environmentWithFault(environment: Environment, fault: Fault): Environment {
  if (typeof fault.at === 'string' && !actsAt(fault.at).includes(fault.act))
    throw new Error(`${fault.act} is impossible at ${fault.at}`);
  if (fault.until !== undefined && fault.act.startsWith('kill')) throw new Error(`${fault.act} cannot last`);
  const { FAULT_RECORD: _, ...fresh } = environment;
  return { ...recordPoints(fresh), FAULT: JSON.stringify(fault) };
}

/** The labels of the last process of this environment, in order. */
export function points(environment: Environment): string[] {
  return recordOf(environment).map(({ label }) => label);
}

/** The labels at which a fault occurred; a test that relies on a fault has to check it here. */
export function faulted(environment: Environment): string[] {
  return recordOf(environment)
    .filter(({ fault }) => fault !== undefined)
    .map(({ label }) => label);
}

/** The complete record of the last process of this environment. */
export function recordOf(environment: Environment): Point[] {
  const file = environment['FAULT_RECORD'];
  if (file === undefined) throw new Error('this environment has no record: see recordPoints');
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  // openRecord writes JSON of this type.
  return lines.map((line) => JSON.parse(line) as Point);
}
