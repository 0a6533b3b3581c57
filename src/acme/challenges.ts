import type { DnsProvider, Zone } from '../dns/provider.ts';
import type { Change, DnsRecord, LiveRecord } from '../dns/record.ts';
import { isIngressError } from '../errors.ts';
import type { ChallengeJournal, JournalEntry } from './journal.ts';

/** Seconds; nobody needs to remember a challenge. */
const TTL = 60;

/** A challenge value to publish: the TXT record's owner name and its value. */
export interface ChallengeValue {
  readonly name: string;
  readonly value: string;
}

/** Seconds that a resolver may remember what stood at a challenge's name. */
export function challengeTtl({ capabilities }: Pick<DnsProvider, 'capabilities'>): number {
  return capabilities.normalizeTtl(TTL);
}

export interface ChallengeDesk {
  readonly provider: DnsProvider;
  readonly journal: ChallengeJournal;
}

/**
 * Adds challenge values beside whatever stands at their names, together with other changes of the zone in one write, and
 * returns their records. Each value is in the journal before it is in the zone. Throws what the provider and the journal
 * throw.
 */
export async function publishChallenges(
  { provider, journal }: ChallengeDesk,
  zone: Zone,
  values: readonly ChallengeValue[],
  others: readonly Change[],
  signal: AbortSignal,
): Promise<readonly DnsRecord[]> {
  const ttl = challengeTtl(provider);
  const records = values.map(({ name, value }): DnsRecord => ({ name, type: 'TXT', value, ttl }));
  await journal.write(records.map((record) => toEntry(provider, zone, record)));
  const changes = records.map((record): Change => ({ action: 'create', record }));
  const made = await provider.apply(zone, [...others, ...changes], signal);
  const own = made.slice(made.length - records.length);
  await journal.write(own.map((record) => toEntry(provider, zone, record)));
  return records;
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
  entries: readonly JournalEntry[],
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
  { provider, journal }: ChallengeDesk,
  entries: readonly JournalEntry[],
  struck: (removed: readonly JournalEntry[]) => readonly JournalEntry[],
  signal: AbortSignal,
): Promise<void> {
  const failures: unknown[] = [];
  for (const [zoneId, group] of Map.groupBy(entries, (entry) => entry.zoneId)) {
    const changes = group.map((entry): Change => ({ action: 'remove', removed: toRecord(entry) }));
    try {
      await provider.apply({ id: zoneId, name: group[0]?.zoneName }, changes, signal);
      await journal.strike(struck(group));
    } catch (thrown) {
      failures.push(thrown);
    }
  }
  if (failures.length > 0) throw failures[0];
}

export interface Swept {
  readonly removed: readonly JournalEntry[];
  /** Crossed out without being removed: their zone is not in the account any more. */
  readonly abandoned: readonly JournalEntry[];
}

/**
 * Removes what earlier runs left behind. Entries of another provider stay in the journal until that provider is
 * configured again. Throws what the provider and the journal throw.
 */
export async function sweepChallenges(desk: ChallengeDesk, signal: AbortSignal): Promise<Swept> {
  const entries = await desk.journal.entries();
  const own = entries.filter(({ provider }) => provider === desk.provider.name);
  const abandoned: JournalEntry[] = [];
  const failures: unknown[] = [];
  for (const group of Map.groupBy(own, (entry) => entry.zoneId).values()) {
    try {
      await removeByZone(desk, group, (removed) => removed, signal);
    } catch (thrown) {
      if (isIngressError(thrown, 'ZONE_NOT_FOUND')) abandoned.push(...group);
      else failures.push(thrown);
    }
  }
  if (abandoned.length > 0) await desk.journal.strike(abandoned);
  if (failures.length > 0) throw failures[0];
  return { removed: own.filter((entry) => !abandoned.includes(entry)), abandoned };
}

function toEntry(provider: DnsProvider, zone: Zone, { name, value, ttl, handle }: LiveRecord): JournalEntry {
  const id = handle === undefined ? {} : { handle };
  return { provider: provider.name, zoneId: zone.id, zoneName: zone.name, name, value, ttl, ...id };
}

function toRecord({ name, value, ttl, handle }: JournalEntry) {
  return { name, type: 'TXT', value, ttl, ...(handle === undefined ? {} : { handle }) };
}
