export type Enqueue = <T>(key: string, signal: AbortSignal, task: () => Promise<T>) => Promise<T>;

/**
 * Makes a queue: tasks of one key run one after the other in the order in which they came, tasks of different keys at
 * once. A task whose signal aborts while it waits never runs, and its caller gets the signal's reason at once.
 */
export function createQueue(): Enqueue {
  const tails = new Map<string, Promise<void>>();
  return async (key, signal, task) => {
    const before = tails.get(key) ?? Promise.resolve();
    const turn = Promise.withResolvers<void>();
    const tail = before.then(() => turn.promise);
    tails.set(key, tail);
    void tail.then(() => {
      if (tails.get(key) === tail) tails.delete(key);
    });
    try {
      await unlessAborted(before, signal);
      return await task();
    } finally {
      turn.resolve();
    }
  };
}

async function unlessAborted(waited: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([waited, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
