import { access, constants, mkdtemp } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { execa } from 'execa';

/** What runs containers on this host. Disposing of it ends what was started for it; its images stay for the next time. */
export interface Engine extends AsyncDisposable {
  readonly kind: 'docker' | 'podman';
  /** Its command line program. */
  readonly program: string;
  /** Runs a command of its own, such as `['inspect', name]`, and gives what it printed. Rejects with its words. */
  run(args: readonly string[], options?: RunOptions): Promise<string>;
  /** Added to the environment of programs that talk to it, such as docker-compose. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface RunOptions {
  /** Milliseconds. Default: one minute. */
  readonly timeoutMs?: number;
  /** Gives what it printed to either stream, as `logs` does with what the container has printed. */
  readonly both?: boolean;
}

export const cacheFolder = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'dstack-ingress');

/** On each container: the process that made it, so that what a killed one left can be told from what is in use. */
export const OWNER_LABEL = 'dstack-ingress-test-pid';

/** A new directory, whose name tells which process made it. */
export async function ownDirectory(what: string): Promise<string> {
  return mkdtemp(join(tmpdir(), `dstack-ingress-${what}-${process.pid}-`));
}

/** Runs a command line program for an engine. */
export function runner(program: string, environment: Readonly<Record<string, string>>): Engine['run'] {
  return async (args, { timeoutMs = 60_000, both = false } = {}) => {
    const options = { env: environment, timeout: timeoutMs, stdin: 'ignore', all: true } as const;
    const [command = '', ...rest] = args;
    const label = command === 'run' ? ['--label', `${OWNER_LABEL}=${process.pid}`] : [];
    const { stdout, all } = await execa(program, [command, ...label, ...rest], options);
    return both ? all : stdout;
  };
}

/** Whether a program is there and can be run. */
export async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
