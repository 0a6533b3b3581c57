import type { ApiRecordSet } from './answers.ts';
import type { Page, Start } from './client.ts';
import { nameOf } from './records.ts';
import { inOrder, isCovered } from './order.ts';

/** The most that a list brings at once. */
export const SETS_PER_PAGE = 300;

/**
 * Every RRset at these names. A list begins at the first name and brings what follows in the zone's order, so names that
 * lie within 300 RRsets of each other cost one call, and in a larger zone each of the others costs one.
 */
export async function readNames(
  names: readonly string[],
  list: (start: Start) => Promise<Page>,
): Promise<ApiRecordSet[]> {
  const sets: ApiRecordSet[] = [];
  for (let left = inOrder(names); left[0] !== undefined; ) {
    const from = left[0];
    const run = await readFrom(from, list);
    const covered = new Set(left.filter((name) => isCovered(name, from, run.until)));
    sets.push(...run.sets.filter(({ Name }) => covered.has(nameOf(Name))));
    left = left.filter((name) => !covered.has(name));
  }
  return sets;
}

/** Pages from a name until that name is behind. */
async function readFrom(from: string, list: (start: Start) => Promise<Page>) {
  const sets: ApiRecordSet[] = [];
  for (let start: Start | undefined = { name: from }; start; ) {
    const page: Page = await list(start);
    sets.push(...page.sets);
    const until = page.next && nameOf(page.next.name);
    if (until !== from) return { sets, until };
    start = page.next;
  }
  return { sets, until: undefined };
}
