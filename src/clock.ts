import { setTimeout as sleep } from 'node:timers/promises';

/** Where time comes from. Whatever waits or compares times takes one as an argument, so that tests own the time. */
export interface Clock {
  now(): Date;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason as soon as it aborts. */
  wait(ms: number, signal?: AbortSignal): Promise<void>;
}

// A timer keeps a signed 32-bit number; a longer one would fire at once.
const LONGEST_TIMER_MS = 2_147_483_647;

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
  /** Milliseconds after which waiting ends without success. */
  readonly timeoutMs: number;
  /** Milliseconds between two looks. */
  readonly everyMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Looks again and again until `look` gives something other than `undefined`, and returns that; returns
 * `undefined` when the time is over. It looks once even when there is no time. What `look` throws is thrown.
 */
export async function until<T>(
  look: () => Promise<T | undefined> | T | undefined,
  { clock, timeoutMs, everyMs, signal }: Until,
): Promise<T | undefined> {
  const deadline = clock.now().getTime() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const seen = await look();
    if (seen !== undefined) return seen;
    const left = deadline - clock.now().getTime();
    if (left <= 0) return undefined;
    await clock.wait(Math.min(everyMs, left), signal);
  }
}
