import type { Capabilities, DnsProvider, Zone } from '../dns/provider.ts';
import type { CurrentRecord } from '../dns/record.ts';
import type { DesiredRecord } from './desired.ts';
import type { ChallengeJournal, JournalEntry } from './journal.ts';

/** Seconds. No resolver needs to cache a challenge for longer. */
const TTL = 60;

/** The answer to a dns-01 challenge (RFC 8555 §8.4). */
export interface ChallengeValue {
  /** The served name that is validated. */
  readonly domain: string;
  /** Owner name of the TXT record. */
  readonly name: string;
  readonly value: string;
}

/** Seconds for which a resolver may cache the TXT RRset of a challenge. */
export function challengeTtl({ normalizeTtl }: Pick<Capabilities, 'normalizeTtl'>): number {
  return normalizeTtl(TTL);
}

/** The record that answers a challenge. */
export function challengeRecord(
  { domain, name, value }: ChallengeValue,
  capabilities: Pick<Capabilities, 'normalizeTtl'>,
): DesiredRecord {
  return { purpose: 'challenge', for: domain, name, type: 'TXT', value, ttl: challengeTtl(capabilities) };
}

/**
 * Where the challenge values that we own are written down: a value is registered before it is
 * published and unregistered after it was removed, so that a later run finds what a crash has left, and
 * no value of another owner is ever removed.
 */
export interface Registry {
  readonly provider: Pick<DnsProvider, 'name'>;
  /** The journal of a served name. */
  readonly journalOf: (domain: string) => ChallengeJournal;
}

/** A registered value, and the served name whose journal has it. */
export interface RegisteredChallenge extends JournalEntry {
  readonly domain: string;
}

/** The values of these names at the configured provider. Throws STORE_FAILED. */
export async function registeredChallenges(
  { provider, journalOf }: Registry,
  domain: string,
): Promise<RegisteredChallenge[]> {
  const entries = await journalOf(domain).entries();
  return entries.filter((entry) => entry.provider === provider.name).map((entry) => ({ ...entry, domain }));
}

/**
 * Registers values of a zone. Resolves once durable: publish only after that. Called again with the
 * records that the provider returned, it adds their handles. Throws STORE_FAILED.
 */
export async function register(
  { provider, journalOf }: Registry,
  zone: Zone,
  records: readonly (CurrentRecord & { readonly domain: string })[],
): Promise<void> {
  for (const [domain, own] of Map.groupBy(records, (one) => one.domain))
    await journalOf(domain).write(own.map((record) => toEntry(provider.name, zone, record)));
}

/** Unregisters values that were removed. Throws STORE_FAILED. */
export async function unregister(
  { journalOf }: Pick<Registry, 'journalOf'>,
  challenges: readonly RegisteredChallenge[],
): Promise<void> {
  for (const [domain, own] of Map.groupBy(challenges, (one) => one.domain))
    await journalOf(domain).remove(own);
}

/** The TXT record of a registered value. */
export function toRecord({ name, value, ttl, handle }: JournalEntry): CurrentRecord {
  return { name, type: 'TXT', value, ttl, ...(handle === undefined ? {} : { handle }) };
}

function toEntry(provider: string, zone: Zone, { name, value, ttl, handle }: CurrentRecord): JournalEntry {
  const id = handle === undefined ? {} : { handle };
  return { provider, zoneId: zone.id, zoneName: zone.name, name, value, ttl, ...id };
}
