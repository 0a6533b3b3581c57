import process from 'node:process';
import type { Log } from '../log.ts';

/** Aborts at the first of these signals; later ones change nothing. */
export function stopBy(signals: readonly NodeJS.Signals[], log: Log): AbortSignal {
  const stop = new AbortController();
  for (const signal of signals) {
    // Not `once`: execa's clean-up ends the process by the signal when nobody listens any more.
    process.on(signal, () => {
      if (stop.signal.aborted) return;
      log.info({ event: 'stopping', signal }, 'stopping: open connections may finish');
      stop.abort(new Error(`stopped by ${signal}`));
    });
  }
  return stop.signal;
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
