import { constants } from 'node:os';
import process from 'node:process';

/** The abort reason when a signal stops the process. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }
}

/**
 * Aborts at the first of these signals with a Stopped as the reason; later signals have no effect.
 */
export function stopBy(signals: readonly NodeJS.Signals[]): AbortSignal {
  const stop = new AbortController();
  // Not `once`: without a listener, execa's clean-up would end the process by the signal.
  for (const signal of signals) process.on(signal, () => stop.abort(new Stopped(signal)));
  return stop.signal;
}

/** Calls back when a signal stops the process, or now if it already has. */
export function onStop(stopped: AbortSignal, work: (signal: NodeJS.Signals | undefined) => void): void {
  const act = () => work(stopped.reason instanceof Stopped ? stopped.reason.signal : undefined);
  if (stopped.aborted) act();
  else stopped.addEventListener('abort', act, { once: true });
}

/**
 * The exit code of a subcommand that has nothing to finish: its own, or 128 plus the number of the
 * signal that ended it early.
 */
export async function unlessStopped(stopped: AbortSignal, work: Promise<number>): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  onStop(stopped, (signal) => resolve(128 + (signal === undefined ? 0 : constants.signals[signal])));
  return Promise.race([promise, work]);
}

/** Catches a signal, whose default would end the process, and passes it on to listeners. */
export function listenTo(signal: NodeJS.Signals) {
  const listeners = new Set<() => void>();
  process.on(signal, () => {
    for (const listener of listeners) listener();
  });
  return {
    listen(listener: () => void): () => void {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
