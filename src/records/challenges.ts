import type { Capabilities } from '../dns/provider.ts';
import type { CurrentRecord } from '../dns/record.ts';
import type { DesiredRecord } from './desired.ts';

/** Seconds. Resolvers need not cache a challenge for longer. */
const TTL = 60;

/** The answer to a dns-01 challenge (RFC 8555 §8.4). */
export interface ChallengeValue {
  /** The served name that is validated. */
  readonly domain: string;
  /** Owner name of the TXT record. */
  readonly name: string;
  readonly value: string;
}

/** Seconds for which a resolver may cache the TXT RRset of a challenge. Pure. */
export function challengeTtl({ normalizeTtl }: Pick<Capabilities, 'normalizeTtl'>): number {
  return normalizeTtl(TTL);
}

/** The TXT record that answers a challenge. Pure. */
export function challengeRecord(
  { domain, name, value }: ChallengeValue,
  capabilities: Pick<Capabilities, 'normalizeTtl'>,
): DesiredRecord {
  return { purpose: 'challenge', for: domain, name, type: 'TXT', value, ttl: challengeTtl(capabilities) };
}

/** A challenge value as stored in the journal of its name. */
export interface JournalEntry {
  /** The DNS provider's name. */
  readonly provider: string;
  readonly zoneId: string;
  readonly zoneName?: string | undefined;
  /** Owner name of the TXT record. */
  readonly name: string;
  readonly value: string;
  readonly ttl: number;
  /** The provider's id of the record, once it has returned one. */
  readonly handle?: string | undefined;
}

/** A journalled value, and the served name whose journal contains it. */
export interface JournalledChallenge extends JournalEntry {
  readonly domain: string;
}

/** The TXT record of a journalled value. Pure. */
export function toRecord({ name, value, ttl, handle }: JournalEntry): CurrentRecord {
  return { name, type: 'TXT', value, ttl, ...(handle === undefined ? {} : { handle }) };
}
