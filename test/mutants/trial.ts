import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { systemErrorCode } from '../../src/errors.ts';
import type { Killer } from './mutant.ts';

/** The result of a run of tests. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Whether it was killed at its deadline. */
  readonly isLate: boolean;
  readonly exitCode: number | null;
  /** Its standard output and standard error. */
  readonly output: string;
}

/** Milliseconds for one test, and for the complete run of a killer. */
const TEST_TIMEOUT_MS = 300_000;
const DEADLINE_MS = 420_000;

/**
 * Runs a killer in a copy of the repository. Kills the process group at the deadline or when
 * `signal` aborts.
 */
export async function runKiller(root: string, killer: Killer, signal: AbortSignal): Promise<Outcome> {
  const args = ['--test', '--test-reporter=tap', `--test-timeout=${TEST_TIMEOUT_MS}`, ...filters(killer)];
  return run([process.execPath, ...args, killer.file], root, signal);
}

/** Runs a program and counts the tests in its TAP output (https://testanything.org). */
export async function run(
  [program, ...args]: readonly [string, ...string[]],
  root: string,
  signal: AbortSignal,
): Promise<Outcome> {
  signal.throwIfAborted();
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  // In a process group of its own, so that everything that the tests started is killed with it.
  const child = spawn(program, args, { cwd: root, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
  let isLate = false;
  const end = () => killGroup(child.pid);
  const timer = setTimeout(() => {
    isLate = true;
    end();
  }, DEADLINE_MS);
  signal.addEventListener('abort', end, { once: true });
  try {
    const [exitCode] = await once(child, 'close');
    signal.throwIfAborted();
    const count = (what: string) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
    const [passed, failed, skipped] = [count('pass'), count('fail') + count('cancelled'), count('skipped')];
    return { passed, failed, skipped, isLate, exitCode, output };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
    end();
  }
}

/** Options of `node --test` that select only the killer's tests. */
function filters({ test, rows }: Killer): string[] {
  if (test === undefined) return [];
  const title = RegExp.escape(test);
  const wanted = `--test-name-pattern=/^${title}$/`;
  // A subtest runs only if its parent does, and its full title starts with its parents' titles.
  return rows === undefined ? [wanted] : [wanted, `--test-skip-pattern=/^${title} (?!${rows})/`];
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (thrown) {
    if (systemErrorCode(thrown) !== 'ESRCH') throw thrown;
  }
}
