import { type Change, type CurrentRecord, sameData } from '../../../src/dns/record.ts';

/**
 * What stands after one change, as providers make it: what stands already is not created twice, and what is gone is not
 * removed. Undefined when what is to be replaced is gone.
 */
export function applyChange(
  standing: readonly CurrentRecord[],
  change: Change,
): readonly CurrentRecord[] | undefined {
  if (change.action === 'remove') return without(standing, change.removed);
  if (change.action === 'replace' && !standing.some((record) => sameData(record, change.replaced))) {
    return undefined;
  }
  const rest = change.action === 'replace' ? without(standing, change.replaced) : standing;
  return rest.some((record) => sameData(record, change.record)) ? rest : [...rest, change.record];
}

/** What stands after all changes; what is to be replaced stands there. */
export function applyChanges(standing: readonly CurrentRecord[], changes: readonly Change[]) {
  return changes.reduce<readonly CurrentRecord[]>((zone, change) => {
    const next = applyChange(zone, change);
    if (next === undefined) throw new Error('a record is replaced that does not stand');
    return next;
  }, standing);
}

function without(standing: readonly CurrentRecord[], gone: CurrentRecord): CurrentRecord[] {
  const found = standing.find((record) => sameData(record, gone));
  return standing.filter((record) => record !== found);
}
