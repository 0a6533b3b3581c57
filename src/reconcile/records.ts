import { type ChallengeValue, publishChallenges } from '../acme/challenges.ts';
import type { DesiredRecord } from '../dns/desired.ts';
import type { Expectation } from '../dns/propagation.ts';
import { carryOut, planZone, type ZoneDraft, type ZonePlan } from '../dns/reconcile-zone.ts';
import { type Change, type DnsRecord, describeRecord } from '../dns/record.ts';
import { aliasOfChallenge, draftRecords } from './draft.ts';
import type { Memory, Parts, ZoneKnowledge } from './parts.ts';
import { waitUntilEverywhere } from './seen.ts';
import { stopwatch } from './stopwatch.ts';

/** The zone as it stands, and what has to be done to it. */
export interface ZoneLook extends ZoneKnowledge {
  readonly draft: ZoneDraft;
  readonly planned: ZonePlan;
}

/** Finds out what is desired, reads the zone once, and plans. Writes nothing. */
export async function lookAtZone(parts: Parts, memory: Memory, signal: AbortSignal): Promise<ZoneLook> {
  const draft = await draftRecords(parts, (warning) => tell(parts, memory, warning), signal);
  const planned = await planZone(parts.provider, draft, signal);
  for (const warning of planned.warnings) tell(parts, memory, warning);
  const challengeAlias = aliasOfChallenge(parts.goal.domain, planned.live);
  return { zone: draft.zone, draft, planned, challengeAlias };
}

export interface Written {
  /** The records of the challenge. */
  readonly challenge: readonly DnsRecord[];
  /** The records that are desired by the plan that was carried out, which may be a newer one than the look's. */
  readonly desired: readonly DesiredRecord[];
}

/**
 * Brings the records to what was planned, and adds challenge values in the same write. Nothing is written when nothing
 * differs. Resolves when it is written; waiting for the name servers is another step.
 */
export async function writeZone(
  parts: Parts,
  memory: Memory,
  look: ZoneLook,
  values: readonly ChallengeValue[],
  signal: AbortSignal,
): Promise<Written> {
  const { provider, journal, log } = parts;
  const { zone, draft, planned } = look;
  const elapsed = stopwatch(parts.clock);
  let challenge: readonly DnsRecord[] = [];
  const write = async (changes: readonly Change[]) => {
    // An answer that is lost may have been carried out.
    if (changes.length > 0) memory.unseen = true;
    if (values.length > 0) {
      challenge = await publishChallenges({ provider, journal }, zone, values, changes, signal);
    } else if (changes.length > 0) await provider.apply(zone, changes, signal);
  };
  const { changes, desired } = await carryOut(provider, draft, planned, write, signal);
  if (changes.length > 0) {
    const fields = { event: 'records-published', zone: zone.name ?? zone.id, ...describeChanges(changes) };
    log.info({ ...fields, seconds: elapsed() }, 'records published');
  }
  if (values.length > 0) {
    const names = values.map(({ name }) => name);
    log.info({ event: 'challenge-published', names, seconds: elapsed() }, 'challenge published');
  }
  return { challenge, desired };
}

/** Waits until every authoritative name server serves the records, if they were written and not seen yet. */
export async function waitForRecords(
  parts: Parts,
  memory: Memory,
  { zone }: ZoneLook,
  desired: readonly DesiredRecord[],
  signal: AbortSignal,
): Promise<void> {
  if (!memory.unseen) return;
  const expectations = (apex: string) => desired.map((record) => expectation(record, apex, parts));
  await waitUntilEverywhere(parts, zone, 'records', expectations, signal);
  memory.unseen = false;
}

/** The records without a challenge: written where they differ, and seen by every name server. */
export async function reconcileRecords(
  parts: Parts,
  memory: Memory,
  look: ZoneLook,
  signal: AbortSignal,
): Promise<void> {
  const { desired } = await writeZone(parts, memory, look, [], signal);
  await waitForRecords(parts, memory, look, desired, signal);
  memory.recordsFirst = false;
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
function tell({ log }: Parts, { shared: { told } }: Memory, warning: string): void {
  if (told.has(warning)) return;
  told.add(warning);
  log.warn({ event: 'warning' }, warning);
}
