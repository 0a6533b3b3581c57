import type { DesiredRecord } from '../dns/desired.ts';
import type { Expectation } from '../dns/propagation.ts';
import { reconcileZone } from '../dns/reconcile-zone.ts';
import { type Change, describeRecord } from '../dns/record.ts';
import { aliasOfChallenge, draftRecords } from './draft.ts';
import type { Memory, Parts, ZoneKnowledge } from './parts.ts';
import { waitUntilEverywhere } from './seen.ts';
import { stopwatch } from './stopwatch.ts';

/**
 * Brings the records of the name to what is asked for and waits until every authoritative name server serves what was
 * written. Writes nothing and waits for nothing when nothing differs.
 */
export async function reconcileRecords(
  parts: Parts,
  memory: Memory,
  signal: AbortSignal,
): Promise<ZoneKnowledge> {
  const { goal, provider, log } = parts;
  const draft = await draftRecords(parts, (warning) => tell(parts, memory, warning), signal);
  const { zone } = draft;
  const elapsed = stopwatch(parts.clock);
  const { desired, live, changes, warnings } = await reconcileZone(provider, draft, signal);
  for (const warning of warnings) tell(parts, memory, warning);
  if (changes.length > 0) {
    memory.unseen = true;
    const fields = { event: 'records-published', zone: zone.name ?? zone.id, ...describeChanges(changes) };
    log.info({ ...fields, seconds: elapsed() }, 'records published');
  }
  if (memory.unseen) {
    const expectations = (apex: string) => desired.map((record) => expectation(record, apex, parts));
    await waitUntilEverywhere(parts, zone, 'records', expectations, signal);
  }
  memory.unseen = false;
  return { zone, challengeAlias: aliasOfChallenge(goal.domain, live) };
}

function expectation(record: DesiredRecord, apex: string, { provider }: Parts): Expectation {
  const atApex = record.purpose === 'alias' && record.name === apex;
  return {
    record,
    alone: record.purpose === 'app-address',
    flattened: atApex && provider.capabilities.flattensApexCname,
  };
}

function describeChanges(changes: readonly Change[]): { written: string[]; removed: string[] } {
  return {
    written: changes.flatMap((change) => (change.action === 'remove' ? [] : [describeRecord(change.record)])),
    removed: changes.flatMap((change) => {
      if (change.action === 'remove') return [describeRecord(change.removed)];
      return change.action === 'replace' ? [describeRecord(change.replaced)] : [];
    }),
  };
}

/** Logs each warning once, not in every pass. */
function tell({ log }: Parts, { told }: Memory, warning: string): void {
  if (told.has(warning)) return;
  told.add(warning);
  log.warn({ event: 'warning' }, warning);
}
