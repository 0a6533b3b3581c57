import type { DnsRecord } from '../dns/record.ts';
import type { Parts } from './parts.ts';
import { type Waiting, waitUntilEverywhere } from './seen.ts';

/** Waits until every authoritative name server serves the challenge values of a zone. Throws DNS_LOOKUP_FAILED and PROPAGATION_TIMEOUT. */
export async function waitForChallenges(
  parts: Parts,
  waiting: Waiting,
  records: readonly DnsRecord[],
  signal: AbortSignal,
): Promise<void> {
  const expectations = () => records.map((record) => ({ record }));
  await waitUntilEverywhere(parts, waiting, 'challenge', { expectations }, signal);
}
