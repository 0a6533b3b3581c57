import type { Expectation } from '../dns/probe.ts';
import type { DnsProvider } from '../dns/provider.ts';
import type { DesiredRecord } from '../records/desired.ts';
import type { Deps } from './deps.ts';
import { lookAgain, SECOND_LOOK_MS } from './look-again.ts';
import type { ZoneWork } from './publish.ts';
import { type Waiting, waitUntilEverywhere } from './seen.ts';

/**
 * Waits until every authoritative name server serves what is desired for a name, if that was written and not seen yet. While it is
 * not seen, the zone is looked at again and again: what another container has by now is not waited for. Throws DNS_LOOKUP_FAILED and
 * PROPAGATION_TIMEOUT.
 */
export async function waitForRecords(
  parts: Deps,
  waiting: Waiting,
  work: ZoneWork,
  signal: AbortSignal,
): Promise<void> {
  const { provider, shared } = parts;
  const { domain } = waiting;
  const desired = work.look?.results.desired.get(domain);
  if (!desired || !shared.unseen.has(domain)) return;
  const expectationsOf = (records: readonly DesiredRecord[], apex: string) =>
    records.map((record) => expectation(record, apex, provider));
  let last = desired;
  await waitUntilEverywhere(
    parts,
    waiting,
    'records',
    {
      expectations: (apex) => expectationsOf(desired, apex),
      reconsider: (apex) => ({
        afterMs: SECOND_LOOK_MS,
        expectations: async () => {
          const again = await lookAgain(parts, waiting, work, signal);
          last = again?.results.desired.get(domain) ?? last;
          return expectationsOf(last, apex);
        },
      }),
    },
    signal,
  );
  shared.unseen.delete(domain);
}

function expectation(record: DesiredRecord, apex: string, { capabilities }: DnsProvider): Expectation {
  const atApex = record.purpose === 'alias' && record.name === apex;
  return {
    record,
    alone: record.purpose === 'app-address',
    flattened: atApex && capabilities.flattensApexCname,
  };
}
