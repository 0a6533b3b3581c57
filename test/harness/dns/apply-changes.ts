import { type Change, type CurrentRecord, sameData } from '../../../src/dns/record.ts';

/**
 * The records after one change, as providers make it: an existing record is not created again, and
 * one that is gone is not removed. Undefined if the record to replace is gone.
 */
export function applyChange(
  current: readonly CurrentRecord[],
  change: Change,
): readonly CurrentRecord[] | undefined {
  if (change.action === 'remove') return without(current, change.removed);
  if (change.action === 'replace' && !current.some((record) => sameData(record, change.replaced))) {
    return undefined;
  }
  const rest = change.action === 'replace' ? without(current, change.replaced) : current;
  return rest.some((record) => sameData(record, change.record)) ? rest : [...rest, change.record];
}

/** The records after all changes. Throws if a record to replace is gone. */
export function applyChanges(current: readonly CurrentRecord[], changes: readonly Change[]) {
  return changes.reduce<readonly CurrentRecord[]>((zone, change) => {
    const next = applyChange(zone, change);
    if (next === undefined) throw new Error('the record to replace is gone');
    return next;
  }, current);
}

function without(current: readonly CurrentRecord[], gone: CurrentRecord): CurrentRecord[] {
  const found = current.find((record) => sameData(record, gone));
  return current.filter((record) => record !== found);
}
