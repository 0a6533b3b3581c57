import { readFile, realpath } from 'node:fs/promises';
import { type Clock, until } from '../../clock.ts';
import { isIngressError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { showInfo } from '../runtime/commands.ts';
import { runtimeApi } from '../runtime/runtime-api.ts';
import type { RuntimePaths } from './runtime-dir.ts';
import { sendSignal } from './signal.ts';

/** An HAProxy that is still running although its control plane was killed. */
export interface StaleProcess {
  readonly pid: number;
  /**
   * Its start time in the kernel's ticks, which distinguishes it from a later process with the same
   * pid.
   */
  readonly startedAt: string;
}

/**
 * Finds the HAProxy that answers on our runtime API socket, if any. It is identified by the
 * configuration file in its command line, not by its name, which HAPROXY_BIN determines. The pid
 * that it reports is not sufficient either: if containers share a RUNTIME_DIR, that is a pid in
 * another PID namespace.
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
      'another program answers on the runtime API socket and is left alone: use a RUNTIME_DIR for one ingress only',
    );
    return undefined;
  } catch (thrown) {
    if (isIngressError(thrown, 'PROXY_COMMAND_FAILED')) return undefined;
    throw thrown;
  }
}

/**
 * Waits until a process that was asked to finish has exited, and kills it after `timeoutMs`
 * milliseconds.
 */
export async function awaitExit(
  stale: StaleProcess,
  { clock, log, timeoutMs, signal }: { clock: Clock; log: Log; timeoutMs: number; signal: AbortSignal },
): Promise<void> {
  const exited = async () => ((await startOf(stale.pid)) === stale.startedAt ? undefined : true);
  const inTime = await until(exited, { clock, timeoutMs, everyMs: 100, signal }).catch(() => undefined);
  if (!inTime && !(await exited())) {
    log.warn({ pid: stale.pid }, 'the HAProxy of an earlier run did not finish in time; killing it');
    await sendSignal(stale.pid, 'SIGKILL');
    return;
  }
  log.info({ pid: stale.pid }, 'the HAProxy of an earlier run has finished');
}

/** The start time of the process with this pid; undefined if it has exited or is a zombie. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // proc(5): `pid (comm) state ppid …`. The start time is field 22, and comm may contain anything,
  // even parentheses.
  const [, rest = ''] = /^\d+ \(.*\) (.*)$/s.exec(stat) ?? [];
  const fields = rest.split(' ');
  return fields[0] === 'Z' ? undefined : fields[19];
}

/** Whether a process has a file on its command line, under this or another path. */
async function runsWith(pid: number, file: string): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  const wanted = await realpath(file);
  const paths = commandLine.split('\0').filter((word) => word.startsWith('/'));
  const found = await Promise.all(paths.map((path) => realpath(path).catch(() => undefined)));
  return found.includes(wanted);
}
