import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { Subscriber } from '../events.ts';
import { fold, type State } from './state.ts';

const NAME = 'status.json';

/**
 * Keeps the state in a file of the runtime directory, for the commands `status` and `health`. A
 * directory that cannot be written is not an error: the log has the same facts, and serving
 * continues.
 */
export function statusFile(runtimeDir: string, pid: number, clock: Pick<Clock, 'now'>): Subscriber {
  let state: State | undefined;
  return (event) => {
    const next = fold(state, event, clock.now().toISOString(), pid);
    if (next === undefined || JSON.stringify(next) === JSON.stringify(state)) return;
    state = next;
    try {
      write(runtimeDir, `${JSON.stringify(next, undefined, 2)}\n`);
    } catch {
      // The next change writes the whole state again.
    }
  };
}

function write(runtimeDir: string, text: string): void {
  const temporary = join(runtimeDir, `${NAME}.tmp`);
  // Missing parents are created later, together with HAProxy's files.
  if (!existsSync(runtimeDir)) mkdirSync(runtimeDir, { mode: 0o755 });
  writeFileSync(temporary, text, { mode: 0o644 });
  renameSync(temporary, join(runtimeDir, NAME));
}

/** The state that an ingress has left in its runtime directory; undefined when there is none. */
export function readStatusFile(runtimeDir: string): State | undefined {
  try {
    const state: unknown = JSON.parse(readFileSync(join(runtimeDir, NAME), 'utf8'));
    return isState(state) ? state : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether a value has enough of a state to print it. More checks are not needed: this version of
 * the program wrote the file, because the runtime directory does not outlive it.
 */
function isState(value: unknown): value is State {
  if (typeof value !== 'object' || value === null || !('pid' in value && 'names' in value)) return false;
  const { pid, names } = value;
  const isName = (name: unknown) => typeof name === 'object' && name !== null && 'domain' in name;
  return (
    typeof pid === 'number' &&
    Array.isArray(names) &&
    names.every(isName) &&
    'warnings' in value &&
    Array.isArray(value.warnings)
  );
}
