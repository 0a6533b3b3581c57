import { constants } from 'node:os';
import process from 'node:process';

const actions = new Set<() => void>();
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
let watching = false;

/**
 * Runs `action`, which must be synchronous, when this process exits or is told to by SIGINT, SIGTERM or SIGHUP; the one
 * that came last first, because it may need what the earlier ones end. Returns what takes the action back. SIGKILL cannot be caught: what runs then is left behind.
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

/** The others have their turn whatever becomes of one. */
function attempt(action: () => void): void {
  try {
    action();
  } catch (thrown) {
    process.stderr.write(`not cleaned up: ${String(thrown)}\n`);
  }
}
