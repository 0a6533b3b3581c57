import type { History } from './history.ts';
import type { LedgerEntry } from './entries.ts';

/** Milliseconds; of names that nobody asks for any more. */
const LONGEST_MS = 365 * 24 * 60 * 60 * 1000;

/**
 * Of entries that are about to be removed for their age, those that still tell something: the last certificate for each set of names,
 * which tells the CA it came from as long as it is valid, and since when a set has been failing. Pure.
 */
export function keepsakes(old: readonly LedgerEntry[], history: History, now: Date): LedgerEntry[] {
  const isOf = (entry: LedgerEntry, moment: Date | undefined) => moment?.getTime() === Date.parse(entry.at);
  return old.filter((entry) => {
    if (now.getTime() - Date.parse(entry.at) > LONGEST_MS) return false;
    if (entry.event === 'failed') return isOf(entry, history.failingSince(entry.names));
    if (entry.event !== 'issued') return false;
    return isOf(entry, history.lastIssued(entry.names)?.at) && new Date(entry.notAfter) > now;
  });
}
