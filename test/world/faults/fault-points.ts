import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../ingress.ts';
import { actsAt, type Fault, type FaultAct, type Point } from './preload/points.ts';
import { folderBesideVolume, withPreload } from './preload.ts';

export type { Fault, FaultAct, Point };
export { actsAt };

/**
 * The environment in which the ingress writes down what it does to the outside: every change below LETSENCRYPT_DIR and every HTTP
 * request, numbered. Read it with `points`. Not counted are DNS and other sockets, also that of the guest agent, whose SDK writes its
 * HTTP itself.
 */
export function recordPoints(environment: Environment): Environment {
  if (environment['FAULT_RECORD'] !== undefined) return environment;
  const FAULT_RECORD = join(folderBesideVolume(environment, 'faults'), 'record.jsonl');
  return { ...withPreload(environment, 'fault-points.ts'), FAULT_RECORD };
}

/**
 * The same, with one fault at a point. A label is the same in every run that does the same; a number is only as sure as the order
 * of what is done at the same time. Throws for what can be done at no such point.
 *
 * `kill-before` and `kill-after` are SIGKILL: for a request, before it is sent and when the head of its answer has come. `torn` writes
 * half of the bytes and fails with ENOSPC; `kill-torn` writes half and ends. A kill loses nothing of what the kernel has: this is no
 * power failure. With `until` the fault lasts until that file is there: a full disk (ENOSPC, torn) goes on refusing what needs room,
 * which opening and linking mostly do not, and a read-only one (EROFS) every change.
 */
export function environmentWithFault(environment: Environment, fault: Fault): Environment {
  if (typeof fault.at === 'string' && !actsAt(fault.at).includes(fault.act))
    throw new Error(`${fault.act} cannot be done at ${fault.at}`);
  if (fault.until !== undefined && fault.act.startsWith('kill'))
    throw new Error(`${fault.act} does not last`);
  const { FAULT_RECORD: _, ...fresh } = environment;
  return { ...recordPoints(fresh), FAULT: JSON.stringify(fault) };
}

/** The labels of what the last process of this environment has done, in order. */
export function points(environment: Environment): string[] {
  return recordOf(environment).map(({ label }) => label);
}

/** The labels at which a fault was done; a test that counts on one has to see it here. */
export function faulted(environment: Environment): string[] {
  return recordOf(environment)
    .filter(({ fault }) => fault !== undefined)
    .map(({ label }) => label);
}

/** The whole record; of the last process of this environment. */
export function recordOf(environment: Environment): Point[] {
  const file = environment['FAULT_RECORD'];
  if (file === undefined) throw new Error('this environment records nothing: see recordPoints');
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  // Written by openRecord as JSON of this type.
  return lines.map((line) => JSON.parse(line) as Point);
}
