import type { DnsProvider, Zone } from '../dns/provider.ts';
import type { Change, DnsRecord, LiveRecord } from '../dns/record.ts';
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

/**
 * Adds challenge values beside whatever stands at their names, in one write, and returns the records. Each value is in
 * the journal before it is in the zone. Throws what the provider and the journal throw.
 */
export async function publishChallenges(
  { provider, journal }: ChallengeDesk,
  zone: Zone,
  values: readonly ChallengeValue[],
  signal: AbortSignal,
): Promise<readonly DnsRecord[]> {
  const ttl = provider.capabilities.normalizeTtl(TTL);
  const records = values.map(({ name, value }): DnsRecord => ({ name, type: 'TXT', value, ttl }));
  await journal.write(records.map((record) => toEntry(provider, zone, record)));
  const changes = records.map((record): Change => ({ action: 'create', record }));
  const made = await provider.apply(zone, changes, signal);
  await journal.write(made.map((record) => toEntry(provider, zone, record)));
  return records;
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

function toEntry(provider: DnsProvider, zone: Zone, { name, value, ttl, handle }: LiveRecord): JournalEntry {
  const id = handle === undefined ? {} : { handle };
  return { provider: provider.name, zoneId: zone.id, zoneName: zone.name, name, value, ttl, ...id };
}

function toRecord({ name, value, ttl, handle }: JournalEntry) {
  return { name, type: 'TXT', value, ttl, ...(handle === undefined ? {} : { handle }) };
}
