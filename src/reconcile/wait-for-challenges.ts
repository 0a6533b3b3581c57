import type { DnsRecord } from '../dns/record.ts';
import { lookAgain, SECOND_LOOK_MS } from './look-again.ts';
import type { Parts } from './parts.ts';
import type { ZoneWork } from './publish.ts';
import { type Waiting, waitUntilEverywhere } from './seen.ts';

/**
 * Waits until every authoritative name server serves the challenge values of a zone. While they are not seen, the zone is looked
 * at again and again, and a value that has vanished is written once more. Throws DNS_LOOKUP_FAILED and PROPAGATION_TIMEOUT.
 */
export async function waitForChallenges(
  parts: Parts,
  waiting: Waiting,
  work: ZoneWork,
  records: readonly DnsRecord[],
  signal: AbortSignal,
): Promise<void> {
  const expected = records.map((record) => ({ record }));
  await waitUntilEverywhere(
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
}
