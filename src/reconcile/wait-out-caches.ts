import type { Rr } from '../dns/query.ts';
import type { DnsRecord } from '../dns/record.ts';
import { challengeTtl, notedChallenges } from '../records/challenges.ts';
import type { Deps } from './deps.ts';
import type { ZoneWork } from './publish.ts';
import type { Waiting } from './seen.ts';

/** Milliseconds; Let's Encrypt's resolvers remember an answer for its TTL, and at most for so long. */
const REMEMBERED_MS = 60_000;

/** What answers a dns-01 challenge: a SHA-256 digest in base64url (RFC 8555 §8.4). */
const ANSWER = /^[\w-]{43}$/;

/** Challenge values that every name server serves. */
export interface Served {
  readonly records: readonly DnsRecord[];
  readonly publishedAt: Date;
  /** What stands beside them now. */
  readonly beside: readonly Rr[];
}

/**
 * Where somebody else has a challenge at the same name, waits until the CA's resolvers cannot remember an answer without ours. It counts
 * also when it stood there as the zone was read and is gone by now: then it has been asked for.
 */
export async function waitOutCaches(
  parts: Deps,
  { certificate }: Pick<Waiting, 'certificate'>,
  { look, challenges }: ZoneWork,
  { records, publishedAt, beside }: Served,
  signal: AbortSignal,
): Promise<void> {
  const { clock, provider, emit } = parts;
  const owners = new Set(records.map(({ name }) => name));
  const read = look?.planned.live.filter(({ name, type }) => type === 'TXT' && owners.has(name)) ?? [];
  // What an earlier attempt of ours has left there is waited for before an order is made (preflight.ts). What a journal has that cannot
  // be read is at most waited for once more.
  const { entries: left } = await notedChallenges(parts, [
    ...new Set(challenges.map(({ domain }) => domain)),
  ]);
  const ours = [...challenges, ...left];
  const foreign = [...read, ...beside].find(
    ({ name, value }) => ANSWER.test(value) && !ours.some((one) => one.name === name && one.value === value),
  );
  if (foreign === undefined) return;
  const until = new Date(publishedAt.getTime() + Math.min(challengeTtl(provider) * 1000, REMEMBERED_MS));
  // A clock that was set back makes it no longer.
  const leftMs = Math.min(until.getTime() - clock.now().getTime(), REMEMBERED_MS);
  if (leftMs <= 0) return;
  emit({ type: 'waiting', for: 'resolvers', certificate, name: foreign.name, until });
  await clock.wait(leftMs, signal);
}
