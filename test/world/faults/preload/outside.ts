import fs from 'node:fs';
import process from 'node:process';
import type { FaultAct, Point } from './points.ts';

/** What the patched calls ask: it records the point and says what is to be done there. */
export type Begin = (kind: string, path: string, target: string) => FaultAct | undefined;

/** What acts on the outside: a process, or a run of the program inside one. */
export interface Actor {
  /** Its volume: only what it changes there counts. */
  readonly root: string;
  readonly begin: Begin;
  /** Ends it as a crash does. Does not return, or gives a promise that never settles. */
  readonly die: () => unknown;
  /** Hears of each file that it has opened. */
  readonly opened?: (file: unknown) => void;
}

// Taken before anything is patched.
const { openSync, writeSync } = fs;

/** Writes points to a file, one JSON text a line, each before its act. What the file held goes. */
export function openRecord(path: string): (point: Point) => void {
  const file = openSync(path, 'w');
  return (point) => void writeSync(file, `${JSON.stringify(point)}\n`);
}

/** Ends this process as a crash does. Does not return: nothing may happen between the signal and the end. */
export function kill(): never {
  process.kill(process.pid, 'SIGKILL');
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
}
