import type { DnsProvider, Zone } from '../dns/provider.ts';
import type { Change, DnsRecord } from '../dns/record.ts';
import type { ChallengeJournal, JournalEntry } from './journal.ts';

/** Seconds; nobody needs to remember a challenge. */
const TTL = 60;

/** A challenge value to publish: the TXT record's owner name and its value. */
export interface ChallengeValue {
  readonly name: string;
  readonly value: string;
}

export interface ChallengeDesk {
  readonly provider: DnsProvider;
  readonly journal: ChallengeJournal;
}

/** Challenge values that stand in a zone now. */
export interface PublishedChallenges {
  readonly zone: Zone;
  readonly entries: readonly JournalEntry[];
  readonly records: readonly DnsRecord[];
}

/**
 * Adds challenge values beside whatever stands at their names, in one write; each is in the journal before it is in the
 * zone. Throws what the provider throws; what was made then is in the journal.
 */
export async function publishChallenges(
  { provider, journal }: ChallengeDesk,
  zone: Zone,
  values: readonly ChallengeValue[],
  signal: AbortSignal,
): Promise<PublishedChallenges> {
  const ttl = provider.capabilities.normalizeTtl(TTL);
  const records = values.map(({ name, value }): DnsRecord => ({ name, type: 'TXT', value, ttl }));
  const entries = records.map((record) => toEntry(provider, zone, record));
  await journal.write(entries);
  const changes = records.map((record): Change => ({ action: 'create', record }));
  const made = await provider.apply(zone, changes, signal);
  const withHandles = made.map((record, index) => ({
    ...toEntry(provider, zone, records[index] ?? record),
    handle: record.handle,
  }));
  return { zone, entries: withHandles, records };
}

/** Removes exactly the values of these entries and crosses them out. Those that are gone already are a success. */
export async function removeChallenges(
  { provider, journal }: ChallengeDesk,
  entries: readonly JournalEntry[],
  signal: AbortSignal,
): Promise<void> {
  for (const group of Map.groupBy(entries, ({ zoneId }) => zoneId).values()) {
    const [first] = group;
    if (!first) continue;
    const changes = group.map((entry): Change => ({ action: 'remove', removed: toRecord(entry) }));
    await provider.apply({ id: first.zoneId, name: first.zoneName }, changes, signal);
    await journal.strike(group);
  }
}

/**
 * Removes what earlier runs left behind. Entries of another provider stay in the journal until that provider is
 * configured again. Returns what was removed.
 */
export async function sweepChallenges(
  desk: ChallengeDesk,
  signal: AbortSignal,
): Promise<readonly JournalEntry[]> {
  const entries = await desk.journal.entries();
  const own = entries.filter(({ provider }) => provider === desk.provider.name);
  if (own.length > 0) await removeChallenges(desk, own, signal);
  return own;
}

function toEntry(provider: DnsProvider, zone: Zone, { name, value, ttl }: DnsRecord): JournalEntry {
  return { provider: provider.name, zoneId: zone.id, zoneName: zone.name, name, value, ttl };
}

function toRecord({ name, value, ttl, handle }: JournalEntry) {
  return { name, type: 'TXT', value, ttl, ...(handle === undefined ? {} : { handle }) };
}
