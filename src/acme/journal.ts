import { dirname, join } from 'node:path';
import * as z from 'zod';
import { IngressError, messageOf } from '../errors.ts';
import { makeDirectory, readIfThere, writeAtomically } from '../files.ts';

/**
 * Every challenge value that we put into a zone, written down before it is published and crossed out after it is
 * removed: what a crash leaves behind is found at the next start, and nothing of anybody else is ever touched.
 */
export interface ChallengeJournal {
  entries(): Promise<readonly JournalEntry[]>;
  /** Adds entries, or replaces those with the same name and value. Throws STORE_FAILED. */
  write(entries: readonly JournalEntry[]): Promise<void>;
  /** Crosses entries out. Throws STORE_FAILED. */
  strike(entries: readonly JournalEntry[]): Promise<void>;
}

const entrySchema = z.object({
  provider: z.string(),
  zoneId: z.string(),
  zoneName: z.string().optional(),
  name: z.string(),
  value: z.string(),
  ttl: z.number(),
  /** The provider's id of the record, once it has told us. */
  handle: z.string().optional(),
});

export type JournalEntry = Readonly<z.infer<typeof entrySchema>>;

export function createChallengeJournal(root: string): ChallengeJournal {
  const path = join(root, 'dstack-ingress', 'challenges.json');

  async function entries(): Promise<JournalEntry[]> {
    try {
      const text = await readIfThere(path);
      return text === undefined ? [] : z.array(entrySchema).parse(JSON.parse(text));
    } catch (thrown) {
      const hint = 'Move the file away; challenge values that it names may then stay in the zone.';
      throw new IngressError('STORE_FAILED', `cannot read ${path}: ${messageOf(thrown)}`, {
        cause: thrown,
        hint,
      });
    }
  }

  async function replace(next: readonly JournalEntry[]): Promise<void> {
    try {
      await makeDirectory(dirname(path), 0o700);
      await writeAtomically(path, `${JSON.stringify(next, undefined, 2)}\n`, 0o600);
    } catch (thrown) {
      throw new IngressError('STORE_FAILED', `cannot write ${path}: ${messageOf(thrown)}`, { cause: thrown });
    }
  }

  const without = (all: readonly JournalEntry[], some: readonly JournalEntry[]) =>
    all.filter((one) => !some.some(({ name, value }) => one.name === name && one.value === value));

  return {
    entries,
    write: async (added) => replace([...without(await entries(), added), ...added]),
    strike: async (struck) => replace(without(await entries(), struck)),
  };
}
