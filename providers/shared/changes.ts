import type { Change, CurrentRecord, DnsRecord } from '../../src/dns/record.ts';

/** The two sides of a plan's changes. Pure. */

/** The record that a change writes. */
export function writtenBy(change: Change): DnsRecord | undefined {
  return change.action === 'remove' ? undefined : change.record;
}

/** The record that a change takes away. */
export function removedBy(change: Change): CurrentRecord | undefined {
  if (change.action === 'create') return undefined;
  return change.action === 'remove' ? change.removed : change.replaced;
}

/** The owner names that the changes touch. */
export function namesOf(changes: readonly Change[]): string[] {
  const records = changes.flatMap((change) => [writtenBy(change), removedBy(change)]);
  return [...new Set(records.flatMap((record) => record?.name ?? []))];
}
