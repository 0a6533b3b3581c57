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

/**
 * Brings the records to what was planned, and adds challenge values in the same write. Nothing is written when nothing
 * differs. Resolves when it is written; waiting for the name servers is another step. Returns the records of the
 * challenge.
 */
export async function writeZone(
  parts: Parts,
  memory: Memory,
  look: ZoneLook,
  values: readonly ChallengeValue[],
  signal: AbortSignal,
): Promise<readonly DnsRecord[]> {
  const { provider, journal, log } = parts;
  const { zone, draft, planned } = look;
  const elapsed = stopwatch(parts.clock);
  let challenge: readonly DnsRecord[] = [];
  const write = async (changes: readonly Change[]) => {
    if (values.length > 0) {
      challenge = await publishChallenges({ provider, journal }, zone, values, changes, signal);
    } else if (changes.length > 0) await provider.apply(zone, changes, signal);
  };
  const { changes } = await carryOut(provider, draft, planned, write, signal);
  if (changes.length > 0) {
    memory.unseen = true;
    const fields = { event: 'records-published', zone: zone.name ?? zone.id, ...describeChanges(changes) };
    log.info({ ...fields, seconds: elapsed() }, 'records published');
  }
  if (values.length > 0) {
    const names = values.map(({ name }) => name);
    log.info({ event: 'challenge-published', names, seconds: elapsed() }, 'challenge published');
  }
  return challenge;
}

/** Waits until every authoritative name server serves the records, if they were written and not seen yet. */
export async function waitForRecords(
  parts: Parts,
  memory: Memory,
  { zone, planned }: ZoneLook,
  signal: AbortSignal,
): Promise<void> {
  if (!memory.unseen) return;
  const expectations = (apex: string) => planned.desired.map((record) => expectation(record, apex, parts));
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
  await writeZone(parts, memory, look, [], signal);
  await waitForRecords(parts, memory, look, signal);
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
