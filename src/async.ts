/**
 * Helpers for concurrency, instead of p-limit, p-map or async-mutex. A mutex must release a waiter
 * whose AbortSignal aborts, which p-limit and async-mutex cannot do. The rest is a few lines, and
 * each package would have to be pinned and audited in an image whose hash users attest.
 */
import type { Clock } from './clock.ts';

/**
 * Runs tasks one after the other, in the order of the calls. A task that fails does not affect the
 * next.
 */
export class Mutex {
  #last: Promise<void> = Promise.resolve();

  /**
   * Resolves with the result of `work`. If the signal aborts while `work` waits, rejects with the
   * signal's reason and never runs it.
   */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = this.#last;
    const finished = Promise.withResolvers<void>();
    this.#last = before.then(() => finished.promise);
    try {
      await (signal ? untilAborted(before, signal) : before);
      return await work();
    } finally {
      finished.resolve();
    }
  }
}

/**
 * A mutex for each key: tasks of the same key run one after the other, tasks of different keys
 * concurrently.
 */
export class KeyedMutex {
  readonly #used = new Map<string, { readonly mutex: Mutex; users: number }>();

  /** See `Mutex.run`. */
  async run<T>(key: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const entry = this.#used.get(key) ?? { mutex: new Mutex(), users: 0 };
    this.#used.set(key, entry);
    entry.users += 1;
    try {
      return await entry.mutex.run(work, signal);
    } finally {
      entry.users -= 1;
      if (entry.users === 0) this.#used.delete(key);
    }
  }
}

/** Limits how many permits are in use at a time. Tasks start in the order of the calls. */
export class Semaphore {
  #free: number;
  readonly #waiting: { readonly permits: number; readonly start: () => void }[] = [];

  constructor(permits: number) {
    this.#free = permits;
  }

  /**
   * Runs `work` once as many permits are free, and resolves with its result. If the signal aborts
   * while `work` waits, rejects with the signal's reason and never runs it. Work without permits
   * never waits; work with more permits than there are would wait for ever.
   */
  async run<T>(permits: number, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (permits === 0) return work();
    const started = Promise.withResolvers<void>();
    const waiter = { permits, start: started.resolve };
    this.#waiting.push(waiter);
    this.#startNext();
    try {
      await untilAborted(started.promise, signal);
    } catch (thrown) {
      const index = this.#waiting.indexOf(waiter);
      if (index === -1) this.#free += permits;
      else this.#waiting.splice(index, 1);
      this.#startNext();
      throw thrown;
    }
    try {
      return await work();
    } finally {
      this.#free += permits;
      this.#startNext();
    }
  }

  #startNext(): void {
    for (let [next] = this.#waiting; next && next.permits <= this.#free; [next] = this.#waiting) {
      this.#waiting.shift();
      this.#free -= next.permits;
      next.start();
    }
  }
}

/**
 * Resolves with the results of `work` for each item, in the order of the items; at most `limit` run
 * concurrently. After a failure no further item is started, and the call rejects with the first
 * failure once those that are running have settled, so that none outlives it.
 */
export async function mapConcurrently<T, R>(
  limit: number,
  items: Iterable<T>,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const failures: unknown[] = [];
  let index = 0;
  const queue = items[Symbol.iterator]();
  const worker = async () => {
    while (failures.length === 0) {
      const next = queue.next();
      if (next.done) return;
      const at = index++;
      try {
        results[at] = await work(next.value, at);
      } catch (thrown) {
        failures.push(thrown);
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
  if (failures.length > 0) throw failures[0];
  return results;
}

/** Calls `work` for each item; see `mapConcurrently`. */
export async function eachConcurrently<T>(
  limit: number,
  items: Iterable<T>,
  work: (item: T, index: number) => Promise<unknown>,
): Promise<void> {
  await mapConcurrently(limit, items, work);
}

/**
 * Settles as `promise` does, or rejects with the signal's reason as soon as it aborts. For work
 * that takes no signal itself: it continues, and its result or failure is ignored.
 */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([aborted.promise, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** The time limit and the signal of some work. */
export interface Deadline {
  readonly clock: Clock;
  /** Milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `work` with a signal that aborts with `late()` after the timeout, or as `signal` does.
 * Settles when `work` settles, so `work` must reject with the signal's reason when it aborts.
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

/** Whether `promise` resolves or rejects within `timeoutMs` milliseconds. */
export async function settlesWithin(
  promise: Promise<unknown>,
  timeoutMs: number,
  clock: Clock,
): Promise<boolean> {
  const done = new AbortController();
  const settled = promise.then(
    () => true,
    () => true,
  );
  const late = clock.wait(timeoutMs, done.signal).then(
    () => false,
    () => false,
  );
  try {
    return await Promise.race([settled, late]);
  } finally {
    done.abort();
  }
}
