import { type Clock, until } from '../../clock.ts';
import { IngressError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { HaproxyProcess } from './process.ts';

export interface SupervisorOptions {
  /** Starts HAProxy. Leaves no process behind when it throws. */
  readonly launch: (signal: AbortSignal) => Promise<HaproxyProcess>;
  /**
   * Configures a new process with what the last one had in memory. Until this is done, the process
   * does not count as up.
   */
  readonly restore: (haproxy: HaproxyProcess, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Keeps one HAProxy running. */
export interface Supervisor {
  /** The process, while it is up. */
  readonly current: HaproxyProcess | undefined;
  /**
   * Resolves with the process as soon as one is up. Throws PROXY_START_FAILED after `timeoutMs`
   * milliseconds.
   */
  up(timeoutMs: number, signal?: AbortSignal): Promise<HaproxyProcess>;
  /** Stops the process, see HaproxyProcess, and starts no other. Idempotent. */
  stop(): Promise<void>;
}

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;
/** A process that ran for this long resets the delay. */
const STABLE_MS = 10_000;

/**
 * The delay before the next start: it doubles, and is reset after a process that ran for a while.
 * Pure.
 */
export function restartDelay(lastDelayMs: number | undefined, ranMs: number): number {
  if (lastDelayMs === undefined || ranMs >= STABLE_MS) return FIRST_DELAY_MS;
  return Math.min(lastDelayMs * 2, MAX_DELAY_MS);
}

/** The error for callers that wait for HAProxy while it is being stopped. */
export function stopping(): IngressError {
  return new IngressError('PROXY_START_FAILED', 'HAProxy is being stopped.', { retryable: false });
}

/**
 * Starts HAProxy and restarts it whenever it exits. If the first start fails, throws instead of
 * retrying.
 */
export async function supervise(options: SupervisorOptions, signal: AbortSignal): Promise<Supervisor> {
  const supervisor = new RestartingSupervisor(options);
  await supervisor.start(signal);
  return supervisor;
}

class RestartingSupervisor implements Supervisor {
  readonly #options: SupervisorOptions;
  readonly #stopping = new AbortController();
  #current: HaproxyProcess | undefined;
  #supervising: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  get current(): HaproxyProcess | undefined {
    return this.#current;
  }

  async start(signal: AbortSignal): Promise<void> {
    const startedAt = this.#now();
    const first = await this.#bringUp(AbortSignal.any([signal, this.#stopping.signal]));
    this.#supervising = this.#supervise(first, startedAt);
  }

  async up(timeoutMs: number, signal?: AbortSignal): Promise<HaproxyProcess> {
    const { clock } = this.#options;
    const ended = signal ? AbortSignal.any([signal, this.#stopping.signal]) : this.#stopping.signal;
    const found = await until(() => this.#current, { clock, timeoutMs, everyMs: 20, signal: ended });
    if (found) return found;
    throw new IngressError('PROXY_START_FAILED', `HAProxy was not up within ${timeoutMs} ms.`);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const last = this.#current;
    this.#current = undefined;
    this.#stopping.abort(stopping());
    await last?.stop();
    await this.#supervising;
  }

  async #bringUp(signal: AbortSignal): Promise<HaproxyProcess> {
    const { launch, restore } = this.#options;
    const haproxy = await launch(signal);
    try {
      await restore(haproxy, signal);
      signal.throwIfAborted();
    } catch (thrown) {
      await haproxy.stop();
      throw thrown;
    }
    this.#current = haproxy;
    return haproxy;
  }

  async #supervise(first: HaproxyProcess, firstStart: number): Promise<void> {
    const { signal } = this.#stopping;
    let haproxy: HaproxyProcess | undefined = first;
    let startedAt = firstStart;
    let delayMs: number | undefined;
    for (;;) {
      const how = (await haproxy?.exited)?.how;
      this.#current = undefined;
      if (signal.aborted) return;
      delayMs = restartDelay(delayMs, this.#now() - startedAt);
      if (how !== undefined)
        this.#options.log.error({ how, delayMs }, `HAProxy exited; restarting it in ${delayMs} ms`);
      await this.#options.clock.wait(delayMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      startedAt = this.#now();
      haproxy = await this.#bringUpAgain(signal);
    }
  }

  async #bringUpAgain(signal: AbortSignal): Promise<HaproxyProcess | undefined> {
    try {
      return await this.#bringUp(signal);
    } catch (err) {
      if (!signal.aborted) this.#options.log.error({ err }, 'HAProxy could not be started; retrying');
      return undefined;
    }
  }

  #now(): number {
    return this.#options.clock.now().getTime();
  }
}
