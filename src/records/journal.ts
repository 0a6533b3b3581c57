import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import type { IngressError } from '../errors.ts';
import { makeDirectory, readIfThere, writeAtomically } from '../files.ts';
import { storeFailure, whyUnwritable } from '../volume.ts';

/**
 * Every challenge value that we put into a zone, written down before it is published and crossed out after it is
 * removed: what a crash leaves behind is found at the next start, and nothing of anybody else is ever touched.
 */
export interface ChallengeJournal {
  entries(): Promise<readonly JournalEntry[]>;
  /** As `entries`, and writes nothing: a journal that cannot be read stays where it is and counts as empty. */
  peek(): Promise<readonly JournalEntry[]>;
  /** Adds entries, or replaces those with the same name and value. Throws STORE_FAILED. */
  write(entries: readonly JournalEntry[]): Promise<void>;
  /** Crosses entries out. Throws STORE_FAILED. */
  strike(entries: readonly JournalEntry[]): Promise<void>;
  /** STORE_FAILED when writing would fail for lack of rights, else undefined. Writes nothing. */
  whyUnwritable(): Promise<IngressError | undefined>;
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

/** One journal for each name, so that two ingresses on one volume leave each other's challenges alone. */
export function createChallengeJournal(
  root: string,
  domain: string,
  warn: (sentence: string) => void,
): ChallengeJournal {
  const path = join(root, 'dstack-ingress', 'challenges', `${domain.replace('*', '_')}.json`);

  /** Undefined when it cannot be read. */
  async function look(): Promise<JournalEntry[] | undefined> {
    const text = await guarded('read', () => readIfThere(path));
    return text === undefined ? [] : parse(text);
  }

  async function entries(): Promise<JournalEntry[]> {
    const read = await look();
    if (read) return read;
    // It must not stand in the way of every later order.
    await guarded('move', () => rename(path, `${path}.damaged`));
    warn(`${path} could not be read and was moved aside; challenge values named in it may stay in the zone`);
    return [];
  }

  function replace(next: readonly JournalEntry[]): Promise<void> {
    return guarded('write', async () => {
      await makeDirectory(dirname(path), 0o700);
      await writeAtomically(path, `${JSON.stringify(next, undefined, 2)}\n`, 0o600);
    });
  }

  async function guarded<T>(verb: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      throw await storeFailure(`cannot ${verb} ${path}`, path, thrown);
    }
  }

  const without = (all: readonly JournalEntry[], some: readonly JournalEntry[]) =>
    all.filter((one) => !some.some(({ name, value }) => one.name === name && one.value === value));

  return {
    entries,
    peek: async () => (await look()) ?? [],
    write: async (added) => replace([...without(await entries(), added), ...added]),
    whyUnwritable: () => whyUnwritable([dirname(path)]),
    strike: async (struck) => replace(without(await entries(), struck)),
  };
}

/** A journal that is only looked at. */
export function peekingJournal(journal: ChallengeJournal): ChallengeJournal {
  return { ...journal, entries: () => journal.peek() };
}

function parse(text: string): JournalEntry[] | undefined {
  try {
    return z.array(entrySchema).parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
