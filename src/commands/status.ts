import { readFileSync } from 'node:fs';
import process from 'node:process';
import { systemClock as clock } from '../clock.ts';
import { readTable } from '../config/read.ts';
import { variables } from '../config/variables.ts';
import { systemErrorCode } from '../errors.ts';
import { readStatusFile } from '../status/file.ts';
import { EX_CONFIG, type PrintOptions } from './command-line.ts';
import { statusJson } from './print/json.ts';
import { describeState } from './print/state.ts';

/**
 * Prints what the ingress on this host is doing. Resolves with the exit code: 0 if one is running,
 * 1 if none is, 78 if RUNTIME_DIR is faulty.
 */
export async function status({ json }: PrintOptions): Promise<number> {
  const { values, faults } = readTable({ runtimeDir: variables.runtimeDir }, process.env, (path) =>
    readFileSync(path, 'utf8'),
  );
  const [fault] = faults;
  if (fault) {
    process.stderr.write(`${fault.variable} ${fault.problem}\n`);
    return EX_CONFIG;
  }
  const state = readStatusFile(values.runtimeDir);
  if (state === undefined || !isRunning(state.pid)) {
    process.stderr.write(`no ingress is running with RUNTIME_DIR ${values.runtimeDir}\n`);
    return 1;
  }
  process.stdout.write(json ? statusJson(state) : describeState(state, clock.now()));
  return 0;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return systemErrorCode(thrown) === 'EPERM';
  }
}
