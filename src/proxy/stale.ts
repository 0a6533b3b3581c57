import { readFile } from 'node:fs/promises';
import { type Clock, until } from '../clock.ts';
import { isIngressError } from '../errors.ts';
import type { Log } from '../log.ts';
import { showInfo } from './commands.ts';
import { runtimeSocket } from './runtime-socket.ts';
import { sendSignal } from './signal.ts';

/** An HAProxy whose control plane was killed. */
export interface StaleProcess {
  readonly pid: number;
  /** When it started, in the kernel's ticks: with the pid it is this process and no later one. */
  readonly startedAt: string;
}

/** Finds the HAProxy that still answers on our runtime socket, if there is one. */
export async function findStale(
  socketPath: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<StaleProcess | undefined> {
  try {
    const { pid } = await showInfo(runtimeSocket(socketPath, clock), signal);
    const startedAt = await startOf(pid);
    return startedAt === undefined ? undefined : { pid, startedAt };
  } catch (thrown) {
    if (isIngressError(thrown, 'PROXY_COMMAND_FAILED')) return undefined;
    throw thrown;
  }
}

/** Waits until a process that was told to finish is gone, and kills it when it is not after `timeoutMs` milliseconds. */
export async function seeOff(
  stale: StaleProcess,
  { clock, log, timeoutMs, signal }: { clock: Clock; log: Log; timeoutMs: number; signal: AbortSignal },
): Promise<void> {
  const gone = async () => ((await startOf(stale.pid)) === stale.startedAt ? undefined : true);
  const finished = await until(gone, { clock, timeoutMs, everyMs: 100, signal }).catch(() => undefined);
  if (!finished && !(await gone())) {
    log.warn({ pid: stale.pid }, 'the HAProxy of an earlier run did not finish; killing it');
    await sendSignal(stale.pid, 'SIGKILL');
    return;
  }
  log.info({ pid: stale.pid }, 'the HAProxy of an earlier run has finished');
}

/** When the process with this pid started; undefined when it is gone, a zombie, or no HAProxy. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // proc(5): `pid (comm) state ppid …`; the start is field 22, and comm may hold anything, parentheses included.
  const [, comm, rest = ''] = /^\d+ \((.*)\) (.*)$/s.exec(stat) ?? [];
  const fields = rest.split(' ');
  return comm === 'haproxy' && fields[0] !== 'Z' ? fields[19] : undefined;
}
