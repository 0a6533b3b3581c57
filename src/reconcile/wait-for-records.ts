import type { DesiredRecord } from '../dns/desired.ts';
import type { Expectation } from '../dns/look.ts';
import type { DnsProvider } from '../dns/provider.ts';
import type { Parts } from './parts.ts';
import type { ZoneWork } from './publish.ts';
import { writeZone } from './records.ts';
import { type Waiting, waitUntilEverywhere } from './seen.ts';
import { lookAtZone, type ZoneLook } from './zone-look.ts';

/** Name servers that are quick have everything by then. */
const SECOND_LOOK_MS = 5000;

/**
 * Waits until every authoritative name server serves what is desired for a name, if that was written and not seen yet. What is not seen
 * soon is looked at once more: a container that was started in the same second may have replaced our records, or stand beside
 * them; then one of the two yields (see claim.ts), and what the other has is not waited for. Throws DNS_LOOKUP_FAILED and
 * PROPAGATION_TIMEOUT.
 */
export async function waitForRecords(
  parts: Parts,
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
  await waitUntilEverywhere(
    parts,
    waiting,
    'records',
    {
      expectations: (apex) => expectationsOf(desired, apex),
      reconsider: (apex) => ({
        afterMs: SECOND_LOOK_MS,
        expect: async () => {
          const again = await lookAgain(parts, waiting, work, signal);
          return expectationsOf(again?.results.desired.get(domain) ?? desired, apex);
        },
      }),
    },
    signal,
  );
  shared.unseen.delete(domain);
}

/** Once for all names of the zone. That it fails is no reason not to go on waiting. */
async function lookAgain(
  parts: Parts,
  { log }: Waiting,
  work: ZoneWork,
  signal: AbortSignal,
): Promise<ZoneLook | undefined> {
  const { zone, look } = work;
  if (!look) return undefined;
  work.again ??= (async () => {
    const again = await lookAtZone(parts, zone, look.drafts, signal);
    await writeZone(parts, again, [], signal);
    return again;
  })();
  try {
    return await work.again;
  } catch (failure) {
    signal.throwIfAborted();
    log.warn(
      { event: 'step-failed', step: 'second look', err: failure },
      'second look: failed, still waiting',
    );
    return undefined;
  }
}

function expectation(record: DesiredRecord, apex: string, { capabilities }: DnsProvider): Expectation {
  const atApex = record.purpose === 'alias' && record.name === apex;
  return {
    record,
    alone: record.purpose === 'app-address',
    flattened: atApex && capabilities.flattensApexCname,
  };
}
