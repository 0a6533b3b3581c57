import fs from 'node:fs';
import process from 'node:process';
import type { FaultAct, Point } from './points.ts';

/** Called by each patched call: records the point and returns the fault for it, if any. */
export type Begin = (kind: string, path: string, target: string) => FaultAct | undefined;

/** Something with observable effects: a process, or a run of the program inside one. */
export interface Actor {
  /** Its volume; only changes below it count. */
  readonly root: string;
  readonly begin: Begin;
  /** Ends the actor like a crash. Does not return, or returns a promise that never settles. */
  readonly die: () => unknown;
  /** Called with each file that it opened. */
  readonly opened?: (file: unknown) => void;
}

// Saved before anything is patched.
const { openSync, writeSync } = fs;

/** Writes points to a file, one line of JSON each, before the act. Truncates the file first. */
export function openRecord(path: string): (point: Point) => void {
  const file = openSync(path, 'w');
  return (point) => void writeSync(file, `${JSON.stringify(point)}\n`);
}

/**
 * Ends this process like a crash. Does not return: nothing may happen between the signal and the
 * end.
 */
export function kill(): never {
  process.kill(process.pid, 'SIGKILL');
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
}
