import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fold, type LogLine, type State } from './state.ts';

const NAME = 'status.json';

/**
 * Keeps the state in a file of the runtime directory, for whoever asks. Gives what takes the lines of the log. A directory
 * that takes no file must not end what serves, so that is no error.
 */
export function createStatusFile(runtimeDir: string, pid: number): (line: string) => void {
  let state: State | undefined;
  return (line) => {
    try {
      const next = fold(state, parse(line), pid);
      if (next === undefined || JSON.stringify(next) === JSON.stringify(state)) return;
      state = next;
      write(runtimeDir, `${JSON.stringify(next, undefined, 2)}\n`);
    } catch {
      // The log has the same, and it is the log that must go on.
    }
  };
}

function write(runtimeDir: string, text: string): void {
  const temporary = join(runtimeDir, `${NAME}.tmp`);
  // What is missing above it is made with the files of HAProxy.
  if (!existsSync(runtimeDir)) mkdirSync(runtimeDir, { mode: 0o755 });
  writeFileSync(temporary, text, { mode: 0o644 });
  renameSync(temporary, join(runtimeDir, NAME));
}

function parse(line: string): LogLine {
  // Our own log writes objects.
  return JSON.parse(line) as LogLine;
}

/** The state that an ingress has left in its runtime directory; undefined when there is none. */
export function readStatusFile(runtimeDir: string): State | undefined {
  try {
    // Written by this version of the program, which the runtime directory does not outlive.
    return JSON.parse(readFileSync(join(runtimeDir, NAME), 'utf8')) as State;
  } catch {
    return undefined;
  }
}
