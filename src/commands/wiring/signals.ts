import { constants } from 'node:os';
import process from 'node:process';

/** The reason why everything ends. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }
}

/** Aborts at the first of these signals, with a Stopped as its reason; later ones change nothing. */
export function stopBy(signals: readonly NodeJS.Signals[]): AbortSignal {
  const stop = new AbortController();
  // Not `once`: execa's clean-up ends the process by the signal when nobody listens any more.
  for (const signal of signals) process.on(signal, () => stop.abort(new Stopped(signal)));
  return stop.signal;
}

/** Does something at the end that a signal brings, at once when that was before. */
export function onStop(stopped: AbortSignal, work: (signal: NodeJS.Signals | undefined) => void): void {
  const act = () => work(stopped.reason instanceof Stopped ? stopped.reason.signal : undefined);
  if (stopped.aborted) act();
  else stopped.addEventListener('abort', act, { once: true });
}

/** What a subcommand ends with that has nothing to finish: its own exit code, or 128 and the number of the signal that cut it short. */
export async function unlessStopped(stopped: AbortSignal, work: Promise<number>): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  onStop(stopped, (signal) => resolve(128 + (signal === undefined ? 0 : constants.signals[signal])));
  return Promise.race([promise, work]);
}

/** Catches a signal from now until the process ends, since its default is to end the process, and passes it on. */
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
