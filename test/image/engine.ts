import { access, constants, mkdtemp } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { execa } from 'execa';

/**
 * A container engine on this host. Disposal ends what was started for it; its images stay for the
 * next run.
 */
export interface Engine extends AsyncDisposable {
  readonly kind: 'docker' | 'podman';
  /** The path of its command line program. */
  readonly program: string;
  /**
   * Runs one of its commands, such as `['inspect', name]`, and returns the output. Rejects with the
   * error output.
   */
  run(args: readonly string[], options?: RunOptions): Promise<string>;
  /** Additional environment for programs that talk to it, such as docker-compose. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface RunOptions {
  /** Milliseconds. Default: one minute. */
  readonly timeoutMs?: number;
  /** Returns the output of both streams, which `logs` needs. */
  readonly both?: boolean;
}

export const cacheFolder = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'dstack-ingress');

/**
 * A label on each container: its creator's process id, to tell leftovers of killed processes from
 * containers in use.
 */
export const OWNER_LABEL = 'dstack-ingress-test-pid';

/** A new directory whose name has the id of the process that created it. */
export async function ownDirectory(what: string): Promise<string> {
  return mkdtemp(join(tmpdir(), `dstack-ingress-${what}-${process.pid}-`));
}

/** Runs an engine's command line program. */
export function runner(program: string, environment: Readonly<Record<string, string>>): Engine['run'] {
  return async (args, { timeoutMs = 60_000, both = false } = {}) => {
    const options = { env: environment, timeout: timeoutMs, stdin: 'ignore', all: true } as const;
    const [command = '', ...rest] = args;
    const label = command === 'run' ? ['--label', `${OWNER_LABEL}=${process.pid}`] : [];
    const { stdout, all } = await execa(program, [command, ...label, ...rest], options);
    return both ? all : stdout;
  };
}

/** Whether a program exists and is executable. */
export async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
