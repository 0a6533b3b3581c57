import { readFile, realpath } from 'node:fs/promises';
import { type Clock, until } from '../../clock.ts';
import { isIngressError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { showInfo } from '../runtime/commands.ts';
import { runtimeApi } from '../runtime/runtime-api.ts';
import type { RuntimePaths } from './runtime-dir.ts';
import { sendSignal } from './signal.ts';

/** An HAProxy whose control plane was killed. */
export interface StaleProcess {
  readonly pid: number;
  /** When it started, in the kernel's ticks: with the pid it is this process and no later one. */
  readonly startedAt: string;
}

/**
 * Finds the HAProxy that still answers on our runtime socket, if there is one. It is known by the configuration that it was
 * started with and not by its name, which HAPROXY_BIN may choose; nor by its word alone: the pid that it says is another
 * process's where it lives in another PID namespace (containers that share a RUNTIME_DIR).
 */
export async function findStale(
  paths: Pick<RuntimePaths, 'config' | 'socket'>,
  { clock, log, signal }: { clock: Clock; log: Log; signal: AbortSignal },
): Promise<StaleProcess | undefined> {
  try {
    const { pid } = await showInfo(runtimeApi(paths.socket, clock), signal);
    const startedAt = await startOf(pid);
    if (startedAt !== undefined && (await runsWith(pid, paths.config))) return { pid, startedAt };
    log.warn(
      { pid, socket: paths.socket },
      'what answers on the runtime socket is no HAProxy that was started here, and is left alone: RUNTIME_DIR is for one ingress only',
    );
    return undefined;
  } catch (thrown) {
    if (isIngressError(thrown, 'PROXY_COMMAND_FAILED')) return undefined;
    throw thrown;
  }
}

/** Waits until a process that was told to finish is gone, and kills it when it is not after `timeoutMs` milliseconds. */
export async function awaitExit(
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

/** When the process with this pid started; undefined when it is gone or a zombie. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // proc(5): `pid (comm) state ppid …`; the start is field 22, and comm may hold anything, parentheses included.
  const [, rest = ''] = /^\d+ \(.*\) (.*)$/s.exec(stat) ?? [];
  const fields = rest.split(' ');
  return fields[0] === 'Z' ? undefined : fields[19];
}

/** Whether a file is among the words that a process was started with, under this path or another one. */
async function runsWith(pid: number, file: string): Promise<boolean> {
  const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  const wanted = await realpath(file);
  const named = words.split('\0').filter((word) => word.startsWith('/'));
  const found = await Promise.all(named.map((word) => realpath(word).catch(() => undefined)));
  return found.includes(wanted);
}
