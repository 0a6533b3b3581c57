import { constants } from 'node:os';
import process from 'node:process';

const actions = new Set<() => void>();
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
let watching = false;

/**
 * Runs `action`, which must be synchronous, when this process exits or receives SIGINT, SIGTERM or
 * SIGHUP. The last registered action runs first, because it may depend on earlier ones. Returns a
 * function that unregisters the action. SIGKILL cannot be caught: it leaves everything running.
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
    for (const action of [...actions].reverse()) attempt(action);
  });
  for (const signal of signals) process.once(signal, () => process.exit(128 + constants.signals[signal]));
}

/** Ignores an error, so that the other actions run. */
function attempt(action: () => void): void {
  try {
    action();
  } catch (thrown) {
    process.stderr.write(`not cleaned up: ${String(thrown)}\n`);
  }
}
