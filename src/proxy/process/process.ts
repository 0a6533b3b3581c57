import { execa } from 'execa';
import { settlesWithin } from '../../async.ts';
import { type Clock, until } from '../../clock.ts';
import { IngressError, isIngressError, messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { showInfo } from '../runtime/commands.ts';
import { type RuntimeApi, runtimeApi } from '../runtime/runtime-api.ts';
import type { ConnectionFailure } from './failure.ts';
import { logOutput } from './output.ts';
import { detectOversizedHeaders } from './oversized-headers.ts';
import type { RuntimePaths } from './runtime-dir.ts';
import { sendSignal } from './signal.ts';

export interface LaunchOptions {
  /** The program. It must run as the process that is started, not as a child of it. */
  readonly haproxyBin: string;
  readonly paths: Pick<RuntimePaths, 'config' | 'socket' | 'openssl'>;
  /** For error messages. */
  readonly port: number;
  /** Milliseconds that connections get to finish on `stop`. */
  readonly drainMs: number;
  /**
   * The pid of the process to take the port over from. It is asked to finish as soon as this one
   * listens.
   */
  readonly successorOf?: number | undefined;
  /** Called for each connection or request that did not end normally. */
  readonly onFailure?: (failure: ConnectionFailure) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** One HAProxy process, from listening to its exit. */
export interface HaproxyProcess {
  readonly pid: number;
  readonly api: RuntimeApi;
  /** How it exited. Never rejects. */
  readonly exited: Promise<Exit>;
  /**
   * Stops listening, lets connections finish for `drainMs`, then closes the others. Resolves when
   * the process has exited, at the latest 1,250 ms after `drainMs`.
   */
  stop(): Promise<void>;
}

/** How a process ended. */
export interface Exit {
  /** Undefined if a signal ended it. */
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  /** In words, with the alerts that it wrote. */
  readonly how: string;
}

const READY_TIMEOUT_MS = 10_000;
const CHECK_TIMEOUT_MS = 10_000;
/**
 * HAProxy itself closes its connections after `drainMs` (hard-stop-after), and should do so first.
 */
const HARD_STOP_GRACE_MS = 250;
const KILL_GRACE_MS = 500;

/**
 * Contains nothing of the control plane's environment, which holds credentials: `show env` prints
 * HAProxy's.
 */
function environment({ openssl }: Pick<RuntimePaths, 'openssl'>): Record<'PATH' | 'OPENSSL_CONF', string> {
  return { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', OPENSSL_CONF: openssl };
}

/**
 * Runs `haproxy -c`. Throws PROXY_CONFIG_REJECTED with HAProxy's output, or PROXY_START_FAILED if
 * it cannot be run.
 */
export async function checkConfig(
  haproxyBin: string,
  paths: LaunchOptions['paths'],
  signal: AbortSignal,
): Promise<void> {
  const result = await execa(haproxyBin, ['-c', '-f', paths.config], {
    all: true,
    reject: false,
    stdin: 'ignore',
    env: environment(paths),
    extendEnv: false,
    timeout: CHECK_TIMEOUT_MS,
    cancelSignal: signal,
  });
  if (!result.failed) return;
  signal.throwIfAborted();
  if (result.exitCode === undefined) throw cannotRun(haproxyBin, result.shortMessage, result.cause);
  const output = result.all ?? '';
  const alerts = output
    .split('\n')
    .filter((line) => line.startsWith('[ALERT]'))
    .join(' ');
  const said = alerts || output;
  throw new IngressError('PROXY_CONFIG_REJECTED', `HAProxy refused its configuration: ${said}`, {
    details: { output: said },
  });
}

/**
 * Starts HAProxy in the foreground and resolves when its runtime API answers. Throws
 * PROXY_START_FAILED, or the signal's reason, and then leaves no process running.
 */
export async function launchHaproxy(options: LaunchOptions, signal: AbortSignal): Promise<HaproxyProcess> {
  signal.throwIfAborted();
  const { haproxyBin, paths, successorOf, onFailure, clock, log } = options;
  const takeover = successorOf === undefined ? [] : ['-sf', String(successorOf)];
  const child = execa(haproxyBin, ['-db', '-f', paths.config, ...takeover], {
    reject: false,
    buffer: false,
    stdin: 'ignore',
    env: environment(paths),
    extendEnv: false,
  });
  const api = runtimeApi(paths.socket, clock);
  const refine = detectOversizedHeaders(api, clock);
  const output = logOutput([child.stdout, child.stderr], log, clock, onFailure, refine);
  const result = child.then((ended) => ended);
  const exited = result.then(({ exitCode, signal: killedBy }): Exit => {
    const words = [killedBy ?? `exit code ${exitCode}`, output.alerts()];
    return { exitCode, signal: killedBy, how: words.filter((text) => text !== '').join(': ') };
  });
  const { pid } = child;
  if (pid === undefined) {
    const { shortMessage, cause } = await result;
    throw cannotRun(haproxyBin, shortMessage, cause);
  }
  try {
    await isReady(api, pid, exited, options, signal);
  } catch (thrown) {
    await sendSignal(pid, 'SIGKILL');
    await exited;
    throw thrown;
  }
  const stop = () => stopGracefully(pid, exited, options);
  return { pid, api, exited, stop };
}

/** Waits for this very process to answer: another one may still own the socket's path. */
async function isReady(
  api: RuntimeApi,
  pid: number,
  exited: Promise<Exit>,
  { clock, port }: LaunchOptions,
  signal: AbortSignal,
): Promise<void> {
  let ended: string | undefined;
  exited.then(({ how }) => {
    ended = how;
  });
  const ready = await until(
    async () => {
      if (ended !== undefined) throw exitedWhileStarting(ended, port);
      try {
        return (await showInfo(api, signal)).pid === pid ? true : undefined;
      } catch (thrown) {
        if (isIngressError(thrown, 'PROXY_COMMAND_FAILED')) return undefined;
        throw thrown;
      }
    },
    { clock, timeoutMs: READY_TIMEOUT_MS, everyMs: 10, signal },
  );
  if (ready) return;
  throw new IngressError('PROXY_START_FAILED', `HAProxy was not ready within ${READY_TIMEOUT_MS} ms.`);
}

async function stopGracefully(
  pid: number,
  exited: Promise<Exit>,
  { clock, drainMs, log }: LaunchOptions,
): Promise<void> {
  if (await settlesWithin(exited, 0, clock)) return;
  const steps = [
    { name: 'SIGUSR1', graceMs: drainMs + HARD_STOP_GRACE_MS },
    { name: 'SIGTERM', graceMs: KILL_GRACE_MS },
    { name: 'SIGKILL', graceMs: KILL_GRACE_MS },
  ] as const;
  for (const { name, graceMs } of steps) {
    await sendSignal(pid, name).catch((err: unknown) =>
      log.warn({ err, pid, name }, `${name} could not be sent to HAProxy`),
    );
    if (await settlesWithin(exited, graceMs, clock)) return;
  }
}

/** The error for an HAProxy that exited before it was ready. Pure. */
export function exitedWhileStarting(how: string, port: number): IngressError {
  if (/Address already in use/i.test(how)) {
    const hint = `Set PORT to a free port, or stop the program that listens on ${port}.`;
    const message = `HAProxy cannot listen on port ${port} (PORT): ${how}`;
    return new IngressError('PROXY_START_FAILED', message, { hint, details: { port } });
  }
  const missing = missingCapabilities(how, port);
  const message = `HAProxy exited while starting: ${how}`;
  return new IngressError('PROXY_START_FAILED', message, {
    ...(missing ? { hint: missing.hint } : {}),
    details: { exit: how, ...(missing ? { capabilities: missing.capabilities } : {}) },
  });
}

/** The capabilities that HAProxy lacks in its container, and what to do. */
function missingCapabilities(
  how: string,
  port: number,
): { readonly capabilities: readonly string[]; readonly hint: string } | undefined {
  if (/cannot bind socket \(Permission denied\)/i.test(how))
    return {
      capabilities: ['NET_BIND_SERVICE'],
      hint: `Give the container the capability to listen on port ${port} (cap_add: [NET_BIND_SERVICE]), or set PORT to 1024 or more.`,
    };
  if (/Cannot set (?:additional )?[ug]id|Cannot (?:set|change) .*groups?/i.test(how))
    return {
      capabilities: ['SETUID', 'SETGID'],
      hint: 'Give the container the capabilities to change to another user (cap_add: [SETUID, SETGID]): HAProxy never runs as root.',
    };
  return undefined;
}

/** The error for a program that could not be run at all. Pure. */
export function cannotRun(haproxyBin: string, output = 'it did not start', cause?: unknown): IngressError {
  const why = cause === undefined ? output : messageOf(cause);
  const hint = 'Check that HAPROXY_BIN is an HAProxy 2.6 or newer.';
  return new IngressError('PROXY_START_FAILED', `${haproxyBin} could not be run: ${why}`, {
    ...{ hint, cause },
    details: { haproxyBin },
  });
}
