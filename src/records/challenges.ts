import type { DnsProvider, Zone } from '../dns/provider.ts';
import type { Change, CurrentRecord, DnsRecord } from '../dns/record.ts';
import { isIngressError } from '../errors.ts';
import type { ChallengeJournal, JournalEntry } from './journal.ts';
import { despiteConflicts } from './reconcile-zone.ts';

/** Seconds; nobody needs to remember a challenge. */
const TTL = 60;

/** A challenge value to publish. */
export interface ChallengeValue {
  /** The name that it is for, whose journal has it. */
  readonly domain: string;
  /** Owner name of the TXT record. */
  readonly name: string;
  readonly value: string;
}

/** Seconds that a resolver may remember what stood at a challenge's name. */
export function challengeTtl({ capabilities }: Pick<DnsProvider, 'capabilities'>): number {
  return capabilities.normalizeTtl(TTL);
}

export interface ChallengeDesk {
  readonly provider: DnsProvider;
  /** The journal of a name. */
  readonly journalOf: (domain: string) => ChallengeJournal;
}

/** An entry, and the name in whose journal it stands. */
export interface NotedChallenge extends JournalEntry {
  readonly domain: string;
}

/**
 * Adds challenge values beside whatever stands at their names, together with other changes of the zone in one write, and
 * returns their records. Each value is in the journal before it is in the zone. Throws what the provider and the journal
 * throw.
 */
export async function publishChallenges(
  desk: ChallengeDesk,
  zone: Zone,
  values: readonly ChallengeValue[],
  others: readonly Change[],
  signal: AbortSignal,
): Promise<readonly DnsRecord[]> {
  const { provider } = desk;
  const ttl = challengeTtl(provider);
  const records = values.map(({ name, value }): DnsRecord => ({ name, type: 'TXT', value, ttl }));
  await note(desk, zone, values, records);
  const changes = records.map((record): Change => ({ action: 'create', record }));
  const made = await provider.apply(zone, [...others, ...changes], signal);
  await note(desk, zone, values, made.slice(made.length - records.length));
  return records;
}

async function note(
  { provider, journalOf }: ChallengeDesk,
  zone: Zone,
  values: readonly ChallengeValue[],
  records: readonly CurrentRecord[],
): Promise<void> {
  const noted = values.flatMap(({ domain }, index) => {
    const record = records[index];
    return record ? [{ domain, entry: toEntry(provider, zone, record) }] : [];
  });
  for (const [domain, own] of Map.groupBy(noted, (one) => one.domain))
    await journalOf(domain).write(own.map(({ entry }) => entry));
}

export interface NotedChallenges {
  /** What the journals that can be read have of the provider that is configured. */
  readonly entries: readonly NotedChallenge[];
  /** STORE_FAILED, by the name whose journal cannot be read. */
  readonly failures: ReadonlyMap<string, unknown>;
}

/** Reads the journals of these names. One that cannot be read costs its name only, so this does not reject. */
export async function notedChallenges(
  { provider, journalOf }: ChallengeDesk,
  domains: readonly string[],
): Promise<NotedChallenges> {
  const entries: NotedChallenge[] = [];
  const failures = new Map<string, unknown>();
  for (const domain of domains) {
    try {
      for (const entry of await journalOf(domain).entries())
        if (entry.provider === provider.name) entries.push({ ...entry, domain });
    } catch (failure) {
      failures.set(domain, failure);
    }
  }
  return { entries, failures };
}

/**
 * Removes exactly the values of these entries and crosses them out; those that are gone already are a success. A zone
 * that fails does not keep the others from being cleaned; its error is thrown at the end.
 *
 * An entry whose publishing was never answered is crossed out only by `sweepChallenges`: the provider may still be
 * carrying it out while we look and find nothing.
 */
export async function removeChallenges(
  desk: ChallengeDesk,
  entries: readonly NotedChallenge[],
  signal: AbortSignal,
): Promise<void> {
  await removeByZone(
    desk,
    entries,
    (removed) => removed.filter(({ handle }) => handle !== undefined),
    signal,
  );
}

async function removeByZone(
  desk: ChallengeDesk,
  entries: readonly NotedChallenge[],
  struck: (removed: readonly NotedChallenge[]) => readonly NotedChallenge[],
  signal: AbortSignal,
): Promise<void> {
  const failures: unknown[] = [];
  for (const [zoneId, group] of Map.groupBy(entries, (entry) => entry.zoneId)) {
    const changes = group.map((entry): Change => ({ action: 'remove', removed: toRecord(entry) }));
    try {
      const zone = { id: zoneId, name: group[0]?.zoneName };
      await despiteConflicts(() => desk.provider.apply(zone, changes, signal));
      await strike(desk, struck(group));
    } catch (thrown) {
      failures.push(thrown);
    }
  }
  if (failures.length > 0) throw failures[0];
}

async function strike({ journalOf }: ChallengeDesk, entries: readonly NotedChallenge[]): Promise<void> {
  for (const [domain, own] of Map.groupBy(entries, (entry) => entry.domain))
    await journalOf(domain).remove(own);
}

export interface Swept {
  readonly removed: readonly NotedChallenge[];
  /** Crossed out without being removed: their zone is not in the account any more. */
  readonly abandoned: readonly NotedChallenge[];
  /** STORE_FAILED, by the name whose journal cannot be read. */
  readonly unread: ReadonlyMap<string, unknown>;
}

/**
 * Removes what earlier runs left behind for these names, but for what is `wanted` again: the values of an order that is
 * gone on with. Entries of another provider stay in the journal until that provider is configured again, and those of a journal that
 * cannot be read until it can. Throws what the provider throws, and STORE_FAILED when a journal cannot be written.
 */
export async function sweepChallenges(
  desk: ChallengeDesk,
  domains: readonly string[],
  wanted: readonly ChallengeValue[],
  signal: AbortSignal,
): Promise<Swept> {
  const noted = await notedChallenges(desk, domains);
  const own = noted.entries.filter(
    (entry) => !wanted.some(({ name, value }) => name === entry.name && value === entry.value),
  );
  const abandoned: NotedChallenge[] = [];
  const failures: unknown[] = [];
  for (const group of Map.groupBy(own, (entry) => entry.zoneId).values()) {
    try {
      await removeByZone(desk, group, (removed) => removed, signal);
    } catch (thrown) {
      if (isIngressError(thrown, 'ZONE_NOT_FOUND')) abandoned.push(...group);
      else failures.push(thrown);
    }
  }
  if (abandoned.length > 0) await strike(desk, abandoned);
  if (failures.length > 0) throw failures[0];
  const removed = own.filter((entry) => !abandoned.includes(entry));
  return { removed, abandoned, unread: noted.failures };
}

function toEntry(
  provider: DnsProvider,
  zone: Zone,
  { name, value, ttl, handle }: CurrentRecord,
): JournalEntry {
  const id = handle === undefined ? {} : { handle };
  return { provider: provider.name, zoneId: zone.id, zoneName: zone.name, name, value, ttl, ...id };
}

function toRecord({ name, value, ttl, handle }: JournalEntry) {
  return { name, type: 'TXT', value, ttl, ...(handle === undefined ? {} : { handle }) };
}
