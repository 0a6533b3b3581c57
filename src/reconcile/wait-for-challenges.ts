import { challengeTtl, notedChallenges } from '../acme/challenges.ts';
import type { DnsRecord, LiveRecord } from '../dns/record.ts';
import { lookAgain, SECOND_LOOK_MS } from './look-again.ts';
import type { Parts } from './parts.ts';
import type { ZoneWork } from './publish.ts';
import { type Waiting, waitUntilEverywhere } from './seen.ts';

/** Milliseconds; Let's Encrypt's resolvers remember an answer for its TTL, and at most for so long. */
const REMEMBERED_MS = 60_000;

/** What answers a dns-01 challenge: a SHA-256 digest in base64url (RFC 8555 §8.4). */
const ANSWER = /^[\w-]{43}$/;

/**
 * Waits until every authoritative name server serves the challenge values of a zone. While they are not seen, the zone is looked
 * at again and again, and a value that has vanished is written once more. Where somebody else has a challenge at the same name, it is
 * also waited until the CA cannot remember an answer without ours. Throws DNS_LOOKUP_FAILED, PROPAGATION_TIMEOUT and
 * STORE_FAILED.
 */
export async function waitForChallenges(
  parts: Parts,
  waiting: Waiting,
  work: ZoneWork,
  records: readonly DnsRecord[],
  signal: AbortSignal,
): Promise<void> {
  const { clock, provider } = parts;
  const begunAt = clock.now();
  const expected = records.map((record) => ({ record }));
  const { beside } = await waitUntilEverywhere(
    parts,
    waiting,
    'challenge',
    {
      expectations: () => expected,
      reconsider: () => ({
        afterMs: SECOND_LOOK_MS,
        expect: async () => {
          await lookAgain(parts, waiting, work, signal);
          return expected;
        },
      }),
    },
    signal,
  );
  // It may be gone by now, and validated.
  const before = work.look?.planned.live.filter((record) => isBeside(record, records)) ?? [];
  // What of ours is left there waits for the next write; limits know when it was validated.
  const noted = await notedChallenges(parts, [...new Set(work.challenges.map(({ domain }) => domain))]);
  const ours = [...work.challenges, ...noted];
  const foreign = [...before, ...beside].find(
    ({ name, value }) => ANSWER.test(value) && !ours.some((one) => one.name === name && one.value === value),
  );
  if (foreign === undefined) return;
  const { log, publishedAt = begunAt } = waiting;
  const until = new Date(publishedAt.getTime() + Math.min(challengeTtl(provider) * 1000, REMEMBERED_MS));
  // A clock that was set back makes it no longer.
  const leftMs = Math.min(until.getTime() - clock.now().getTime(), REMEMBERED_MS);
  if (leftMs <= 0) return;
  log.info(
    { event: 'waiting', for: 'resolvers', name: foreign.name, until },
    `somebody else has a challenge at ${foreign.name}, so the CA may remember an answer without ours: waiting until ${until.toISOString()} before it is told`,
  );
  await clock.wait(leftMs, signal);
}

function isBeside({ name, type }: LiveRecord, records: readonly DnsRecord[]): boolean {
  return records.some((record) => record.name === name && record.type === type);
}
