import type { ApiRecordSet } from './answers.ts';
import type { Edit } from './changes.ts';

/**
 * Groups edits into requests. Pure. Limits:
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html#limits-api-requests-changeresourcerecordsets
 * (an UPSERT counts twice, like the DELETE and CREATE that are used instead).
 */

const MOST_RECORDS = 1000;
const MOST_CHARACTERS = 32_000;

/** One change of ChangeResourceRecordSets. */
export interface ApiChange {
  readonly Action: 'CREATE' | 'DELETE';
  readonly ResourceRecordSet: ApiRecordSet;
}

/**
 * Groups the edits. Removals come first, because later groups may need their place. No edit is
 * split, so that each stays atomic.
 */
export function groupEdits(edits: readonly Edit[]): Edit[][] {
  const groups: Edit[][] = [];
  let records = Number.POSITIVE_INFINITY;
  let characters = Number.POSITIVE_INFINITY;
  for (const edit of edits.toSorted((a, b) => order(a) - order(b))) {
    const size = sizeOf(edit);
    if (records + size.records > MOST_RECORDS || characters + size.characters > MOST_CHARACTERS) {
      groups.push([]);
      records = 0;
      characters = 0;
    }
    groups.at(-1)?.push(edit);
    records += size.records;
    characters += size.characters;
  }
  return groups;
}

function order({ removed, made }: Edit): number {
  if (!made) return 0;
  return removed.length > 0 ? 1 : 2;
}

function sizeOf({ removed, made }: Edit): { records: number; characters: number } {
  const sets = [...removed, ...(made ? [made] : [])];
  const values = sets.flatMap(({ ResourceRecords = [] }) => ResourceRecords);
  return {
    // An alias has no values; counting it as one is on the safe side.
    records: sets.reduce((sum, { ResourceRecords = [] }) => sum + Math.max(1, ResourceRecords.length), 0),
    characters: values.reduce((sum, { Value }) => sum + Value.length, 0),
  };
}

/**
 * The edits of one group as API changes: all removals first, so that an alias can replace
 * addresses.
 */
export function toApiChanges(edits: readonly Edit[]): ApiChange[] {
  const removals = edits.flatMap(({ removed }) => removed);
  const made = edits.flatMap((edit) => (edit.made ? [edit.made] : []));
  return [
    ...removals.map((set): ApiChange => ({ Action: 'DELETE', ResourceRecordSet: set })),
    ...made.map((set): ApiChange => ({ Action: 'CREATE', ResourceRecordSet: set })),
  ];
}
