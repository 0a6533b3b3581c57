import type { Clock } from '../clock.ts';

export interface Deadline {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `work` with a signal that aborts when the time is over or when `signal` does. What `work` then throws is
 * thrown; it should be the signal's reason, which is `late()` when it was the time.
 */
export async function withDeadline<T>(
  { clock, timeoutMs, signal }: Deadline,
  late: () => Error,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const over = new AbortController();
  const done = new AbortController();
  clock.wait(timeoutMs, done.signal).then(
    () => over.abort(late()),
    () => undefined,
  );
  try {
    return await work(signal ? AbortSignal.any([over.signal, signal]) : over.signal);
  } finally {
    done.abort();
  }
}

/** Whether `promise` settles within `ms` milliseconds. */
export async function settles(promise: Promise<unknown>, clock: Clock, ms: number): Promise<boolean> {
  const done = new AbortController();
  const settled = promise.then(
    () => true,
    () => true,
  );
  const late = clock.wait(ms, done.signal).then(
    () => false,
    () => false,
  );
  try {
    return await Promise.race([settled, late]);
  } finally {
    done.abort();
  }
}
