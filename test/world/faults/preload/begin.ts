import { existsSync, lstatSync } from 'node:fs';
import { type Begin, openRecord } from './outside.ts';
import { createFaultPlan, createNumbering, type Fault } from './points.ts';

/**
 * Numbers the acts of one actor and decides on the fault at each, according to FAULT_RECORD (the
 * file in which each act is recorded before it happens) and FAULT (JSON) of its environment.
 * Undefined if nothing is recorded.
 */
export function createBegin(environment: Readonly<Record<string, string | undefined>>): Begin | undefined {
  const { FAULT_RECORD, FAULT } = environment;
  if (FAULT_RECORD === undefined) return undefined;
  // environmentWithFault writes JSON of this type.
  const fault = FAULT === undefined ? undefined : (JSON.parse(FAULT) as Fault);
  const record = openRecord(FAULT_RECORD);
  const number = createNumbering();
  const plan = createFaultPlan(fault, () => fault?.until !== undefined && existsSync(fault.until));
  return (kind, path, target) => {
    const point = number(kind, path);
    const act = plan(point, changesNothing(kind, target));
    record({ ...point, target, ...(act === undefined ? {} : { fault: act }) });
    return act;
  };
}

function changesNothing(kind: string, target: string): boolean {
  if (!/^(?:mkdir|rm|rmdir|unlink)$/.test(kind)) return false;
  const isThere = lstatSync(target, { throwIfNoEntry: false }) !== undefined;
  return kind === 'mkdir' ? isThere : !isThere;
}
