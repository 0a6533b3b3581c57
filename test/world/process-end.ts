import { constants } from 'node:os';
import process from 'node:process';

const actions = new Set<() => void>();
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
let watching = false;

/**
 * Runs `action`, which must be synchronous, when this process exits or is told to by SIGINT, SIGTERM or SIGHUP.
 * Returns what takes the action back. SIGKILL cannot be caught: what runs then is left behind.
 */
export function atProcessEnd(action: () => void): () => void {
  watch();
  actions.add(action);
  return () => actions.delete(action);
}

function watch(): void {
  if (watching) return;
  watching = true;
  process.once('exit', () => {
    for (const action of actions) action();
  });
  for (const signal of signals) process.once(signal, () => process.exit(128 + constants.signals[signal]));
}
