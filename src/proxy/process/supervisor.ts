import { type Clock, until } from '../../clock.ts';
import { IngressError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { HaproxyProcess } from './process.ts';

export interface SupervisorOptions {
  /** Starts HAProxy; leaves no process behind when it throws. */
  readonly launch: (signal: AbortSignal) => Promise<HaproxyProcess>;
  /** Gives a new process what the last one had in memory. Before that is done, it does not count as up. */
  readonly restore: (haproxy: HaproxyProcess, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Keeps one HAProxy alive. */
export interface Supervisor {
  /** The process, while it is up. */
  readonly current: HaproxyProcess | undefined;
  /** Resolves with the process as soon as one is up. Throws PROXY_START_FAILED after `timeoutMs` milliseconds. */
  up(timeoutMs: number, signal?: AbortSignal): Promise<HaproxyProcess>;
  /** Ends the process, see HaproxyProcess, and starts no other. Idempotent. */
  stop(): Promise<void>;
}

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5_000;
const GOOD_LIFE_MS = 10_000;

/** The pause before the next start: doubling, and short again after a process that lived for a while. */
export function restartDelay(lastDelayMs: number | undefined, livedMs: number): number {
  if (lastDelayMs === undefined || livedMs >= GOOD_LIFE_MS) return FIRST_DELAY_MS;
  return Math.min(lastDelayMs * 2, LONGEST_DELAY_MS);
}

/** Why what waits for HAProxy waits in vain. */
export function stopping(): IngressError {
  return new IngressError('PROXY_START_FAILED', 'HAProxy is being stopped.', { retryable: false });
}

/** Starts HAProxy and restarts it whenever it ends. A first start that fails is thrown, not tried again. */
export async function supervise(options: SupervisorOptions, signal: AbortSignal): Promise<Supervisor> {
  const keeper = new Keeper(options);
  await keeper.start(signal);
  return keeper;
}

class Keeper implements Supervisor {
  readonly #options: SupervisorOptions;
  readonly #stopping = new AbortController();
  #current: HaproxyProcess | undefined;
  #keeping: Promise<void> = Promise.resolve();
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
    this.#keeping = this.#keep(first, startedAt);
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
    await this.#keeping;
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

  async #keep(first: HaproxyProcess, firstStart: number): Promise<void> {
    const { signal } = this.#stopping;
    let haproxy: HaproxyProcess | undefined = first;
    let startedAt = firstStart;
    let delayMs: number | undefined;
    for (;;) {
      const how = await haproxy?.exited;
      this.#current = undefined;
      if (signal.aborted) return;
      delayMs = restartDelay(delayMs, this.#now() - startedAt);
      if (how !== undefined) this.#options.log.error({ how, delayMs }, 'HAProxy ended; starting it again');
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
      if (!signal.aborted) this.#options.log.error({ err }, 'HAProxy could not be started; trying again');
      return undefined;
    }
  }

  #now(): number {
    return this.#options.clock.now().getTime();
  }
}
