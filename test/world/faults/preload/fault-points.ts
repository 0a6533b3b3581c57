import { existsSync, lstatSync } from 'node:fs';
import process from 'node:process';
import { isMainThread } from 'node:worker_threads';
import { watchFiles } from './files.ts';
import { type Begin, kill, openRecord } from './outside.ts';
import { createFaultPlan, createNumbering, type Fault } from './points.ts';
import { watchRequests } from './requests.ts';

/**
 * A preload (`node --import`) that numbers what its process does to the outside, writes each act down before it happens, and does
 * one fault. It is told what by the environment: LETSENCRYPT_DIR, FAULT_RECORD (a file) and FAULT (JSON).
 */
const { LETSENCRYPT_DIR = '/etc/letsencrypt', FAULT_RECORD, FAULT } = process.env;
// Written by environmentWithFault as JSON of this type.
const fault = FAULT === undefined ? undefined : (JSON.parse(FAULT) as Fault);

if (isMainThread && FAULT_RECORD !== undefined) {
  const record = openRecord(FAULT_RECORD);
  const number = createNumbering();
  const plan = createFaultPlan(fault, () => fault?.until !== undefined && existsSync(fault.until));
  const begin: Begin = (kind, path, target) => {
    const point = number(kind, path);
    const act = plan(point, changesNothing(kind, target));
    record({ ...point, target, ...(act === undefined ? {} : { fault: act }) });
    return act === 'kill-before' ? kill() : act;
  };
  await watchFiles(LETSENCRYPT_DIR, begin);
  watchRequests(begin);
}

function changesNothing(kind: string, target: string): boolean {
  if (!/^(?:mkdir|rm|rmdir|unlink)$/.test(kind)) return false;
  const isThere = lstatSync(target, { throwIfNoEntry: false }) !== undefined;
  return kind === 'mkdir' ? isThere : !isThere;
}
