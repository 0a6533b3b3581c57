import type { DnsRecord } from '../dns/record.ts';
import type { Deps } from './deps.ts';
import { lookAgain, SECOND_LOOK_MS } from './look-again.ts';
import type { ZoneWork } from './publish.ts';
import { type Waiting, waitUntilEverywhere } from './seen.ts';
import { waitOutCaches } from './wait-out-caches.ts';

/**
 * Waits until every authoritative name server serves the challenge values of a zone. While they are not seen, the zone is looked
 * at again and again, and a value that has vanished is written once more. Then the
 * caches of the CA are waited out, where somebody else has a challenge at the same name. Throws DNS_LOOKUP_FAILED, PROPAGATION_TIMEOUT and
 * STORE_FAILED.
 */
export async function waitForChallenges(
  parts: Deps,
  waiting: Waiting,
  work: ZoneWork,
  records: readonly DnsRecord[],
  signal: AbortSignal,
): Promise<void> {
  const begunAt = parts.clock.now();
  const expected = records.map((record) => ({ record }));
  const { siblings: beside } = await waitUntilEverywhere(
    parts,
    waiting,
    'challenge',
    {
      expectations: () => expected,
      reconsider: () => ({
        afterMs: SECOND_LOOK_MS,
        expectations: async () => {
          await lookAgain(parts, waiting, work, signal);
          return expected;
        },
      }),
    },
    signal,
  );
  const { publishedAt = begunAt } = waiting;
  await waitOutCaches(parts, waiting, work, { records, publishedAt, beside }, signal);
}
