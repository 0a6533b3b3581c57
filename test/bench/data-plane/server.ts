import { createConnection } from 'node:net';
import process from 'node:process';
import { execa } from 'execa';
import { systemClock, until } from '../../../src/clock.ts';
import { atProcessEnd } from '../../world/process-end.ts';
import type { Running } from './contender.ts';

export interface ServerOptions {
  /** The port that it listens on once it serves. */
  readonly port: number;
  readonly env?: Readonly<Record<string, string>>;
}

const START_TIMEOUT_MS = 60_000;
const END_TIMEOUT_MS = 2_000;

/**
 * Starts a server and resolves once its port is open. Its output is discarded, as a log of each
 * connection should be; if it ends unexpectedly, the error includes its standard error.
 */
export async function startServer(
  path: string,
  args: readonly string[],
  { port, env = {} }: ServerOptions,
): Promise<Running> {
  const subprocess = execa(path, args, {
    env,
    cleanup: false,
    reject: false,
    stdin: 'ignore',
    stdout: 'ignore',
    // Only the last part is of interest.
    maxBuffer: { stderr: 100_000 },
    detached: true,
  });
  const { pid } = subprocess;
  if (pid === undefined) throw new Error(`${path} could not be started`, { cause: await subprocess });
  // Kills the process group, because a killed server leaves its workers behind.
  const forget = atProcessEnd(() => void killGroup(pid));
  let ended: string | undefined;
  const exited = subprocess.then(({ stderr, shortMessage }) => {
    forget();
    ended = `${shortMessage ?? path}\n${stderr}`;
  });
  const open = await until(
    async () => {
      if (ended !== undefined) throw new Error(ended);
      return (await isOpen(port)) || undefined;
    },
    { clock: systemClock, timeoutMs: START_TIMEOUT_MS, everyMs: 50 },
  );
  if (!open) throw new Error(`${path} does not listen on port ${port}`);
  return {
    pid,
    async [Symbol.asyncDispose]() {
      subprocess.kill('SIGTERM');
      const timer = setTimeout(() => killGroup(pid), END_TIMEOUT_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The process has already ended.
  }
}

function isOpen(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = createConnection({ host: '127.0.0.1', port });
  socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}
