import { setTimeout as sleep } from 'node:timers/promises';

/**
 * The source of time. Code that waits or compares times takes one as an argument, so that tests
 * control time.
 */
export interface Clock {
  now(): Date;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason as soon as it aborts. */
  wait(ms: number, signal?: AbortSignal): Promise<void>;
}

// A timer's delay is a signed 32-bit number; a longer one would fire at once.
const LONGEST_TIMER_MS = 2_147_483_647;

/** The clock of this machine. */
export const systemClock: Clock = {
  now: () => new Date(),
  async wait(ms, signal) {
    try {
      for (let left = ms; left > 0; left -= LONGEST_TIMER_MS) {
        signal?.throwIfAborted();
        await sleep(Math.min(left, LONGEST_TIMER_MS), undefined, signal ? { signal } : {});
      }
      signal?.throwIfAborted();
    } catch (thrown) {
      signal?.throwIfAborted();
      throw thrown;
    }
  },
};

export interface Until {
  readonly clock: Clock;
  /** Milliseconds after which to give up. */
  readonly timeoutMs: number;
  /** Milliseconds between two calls. */
  readonly everyMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Calls `poll` until it returns something other than `undefined`, and returns that; returns
 * `undefined` after the timeout. Calls it at least once. Rethrows what `poll` throws.
 */
export async function until<T>(
  poll: () => Promise<T | undefined> | T | undefined,
  { clock, timeoutMs, everyMs, signal }: Until,
): Promise<T | undefined> {
  const deadline = clock.now().getTime() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const seen = await poll();
    if (seen !== undefined) return seen;
    const left = deadline - clock.now().getTime();
    if (left <= 0) return undefined;
    await clock.wait(Math.min(everyMs, left), signal);
  }
}

/** Starts a stopwatch: the returned function gives the seconds since then, with milliseconds. */
export function stopwatch(clock: Clock): () => number {
  const start = clock.now().getTime();
  return () => (clock.now().getTime() - start) / 1000;
}
