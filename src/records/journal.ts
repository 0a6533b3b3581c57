import { dirname, join } from 'node:path';
import * as z from 'zod';
import { Mutex } from '../async.ts';
import type { DnsProvider, Zone } from '../dns/provider.ts';
import type { CurrentRecord } from '../dns/record.ts';
import type { IngressError } from '../errors.ts';
import { createJsonFile, whyUnwritable } from '../volume.ts';
import type { JournalEntry, JournalledChallenge } from './challenges.ts';

/**
 * The challenge values that we own, one journal for each served name. A value is added before it is
 * published and removed after it was removed from the zone: a later run prunes the values that a
 * crash has left, and never removes a value of another owner.
 */
export interface Journals {
  readonly provider: Pick<DnsProvider, 'name'>;
  /** The journal of a served name. */
  readonly journalOf: (domain: string) => ChallengeJournal;
}

/** The journalled values of a name at the configured provider. Throws STORE_FAILED. */
export async function journalledChallenges(
  { provider, journalOf }: Journals,
  domain: string,
): Promise<JournalledChallenge[]> {
  const entries = await journalOf(domain).entries();
  return entries.filter((entry) => entry.provider === provider.name).map((entry) => ({ ...entry, domain }));
}

/**
 * Adds values of a zone to their journals. Resolves once durable: publish only after that. Called
 * again with the records that the provider returned, it adds their handles. Throws STORE_FAILED.
 */
export async function addToJournal(
  { provider, journalOf }: Journals,
  zone: Zone,
  records: readonly (CurrentRecord & { readonly domain: string })[],
): Promise<void> {
  for (const [domain, own] of Map.groupBy(records, (one) => one.domain))
    await journalOf(domain).write(own.map((record) => toEntry(provider.name, zone, record)));
}

/** Removes values that were removed from the zone from their journals. Throws STORE_FAILED. */
export async function removeFromJournal(
  { journalOf }: Pick<Journals, 'journalOf'>,
  challenges: readonly JournalledChallenge[],
): Promise<void> {
  for (const [domain, own] of Map.groupBy(challenges, (one) => one.domain))
    await journalOf(domain).remove(own);
}

function toEntry(provider: string, zone: Zone, { name, value, ttl, handle }: CurrentRecord): JournalEntry {
  const id = handle === undefined ? {} : { handle };
  return { provider, zoneId: zone.id, zoneName: zone.name, name, value, ttl, ...id };
}

/**
 * The journalled challenge values of one served name, on the volume. All methods but
 * `whyUnwritable` throw STORE_FAILED.
 */
export interface ChallengeJournal {
  /** A damaged journal is moved aside, with a warning, and counts as empty. */
  entries(): Promise<readonly JournalEntry[]>;
  /** As `entries`, but writes nothing. */
  peek(): Promise<readonly JournalEntry[]>;
  /** Adds entries, or replaces those with the same name and value. */
  write(entries: readonly JournalEntry[]): Promise<void>;
  /** Removes the entries with these names and values. */
  remove(entries: readonly JournalEntry[]): Promise<void>;
  /** STORE_FAILED if writing would fail for lack of permission, else undefined. Writes nothing. */
  whyUnwritable(): Promise<IngressError | undefined>;
}

const entrySchema = z.object({
  provider: z.string(),
  zoneId: z.string(),
  zoneName: z.string().optional(),
  name: z.string(),
  value: z.string(),
  ttl: z.number(),
  /** The provider's id of the record; absent until the provider has returned one. */
  handle: z.string().optional(),
}) satisfies z.ZodType<JournalEntry>;

/**
 * Opens the journal of one name. Each name has its own, so that two ingresses on one volume do not
 * remove each other's challenges.
 */
export function createChallengeJournal(
  root: string,
  domain: string,
  warn: (message: string) => void,
): ChallengeJournal {
  const path = join(root, 'dstack-ingress', 'challenges', `${domain.replace('*', '_')}.json`);
  const file = createJsonFile({
    path,
    parse: (value) => z.array(entrySchema).parse(value),
    loss: 'challenge values named in it may stay in the zone',
    warn,
  });
  const entries = async () => (await file.load()) ?? [];
  const without = (all: readonly JournalEntry[], some: readonly JournalEntry[]) =>
    all.filter((one) => !some.some(({ name, value }) => one.name === name && one.value === value));
  // Groups of zones that run concurrently may change the same journal.
  const changes = new Mutex();
  const change = (next: (all: readonly JournalEntry[]) => readonly JournalEntry[]) =>
    changes.run(async () => file.save(next(await entries())));
  return {
    entries,
    peek: async () => (await file.peek()) ?? [],
    write: (added) => change((all) => [...without(all, added), ...added]),
    remove: (removed) => change((all) => without(all, removed)),
    whyUnwritable: () => whyUnwritable([dirname(path)]),
  };
}

/** The journals of all names, each opened once, so that concurrent changes of one take turns. */
export function createChallengeJournals(
  root: string,
  warn: (message: string) => void,
): (domain: string) => ChallengeJournal {
  const journals = new Map<string, ChallengeJournal>();
  return (domain) => {
    const journal = journals.get(domain) ?? createChallengeJournal(root, domain, warn);
    journals.set(domain, journal);
    return journal;
  };
}

/** A journal whose reads change nothing on the volume, not even a damaged file. */
export function peekingJournal(journal: ChallengeJournal): ChallengeJournal {
  return { ...journal, entries: () => journal.peek() };
}
