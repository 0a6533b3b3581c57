import { type Change, type DnsRecord, describeRecord } from '../dns/record.ts';
import { isIngressError } from '../errors.ts';
import { type ChallengeValue, publishChallenges } from '../records/challenges.ts';
import { carryOut, despiteConflicts, planZone } from '../records/reconcile-zone.ts';
import type { Deps } from './deps.ts';
import type { NameDraft } from './draft.ts';
import { stopwatch } from './stopwatch.ts';
import { mergeDrafts, noteHolders, type ZoneLook } from './zone-look.ts';

/**
 * Brings the records of all names to what was planned, and adds challenge values in the same write. Nothing is written when
 * nothing differs. Resolves with the records of the challenges when it is written; waiting for the name servers is another step.
 */
export async function writeZone(
  parts: Deps,
  look: ZoneLook,
  values: readonly ChallengeValue[],
  signal: AbortSignal,
): Promise<readonly DnsRecord[]> {
  const { provider, emit, shared } = parts;
  const { zone, draft, drafts, planned } = look;
  const elapsed = stopwatch(parts.clock);
  let challenge: readonly DnsRecord[] = [];
  const write = async (changes: readonly Change[]) => {
    // An answer that is lost may have been carried out.
    for (const domain of namesOf(changes, drafts)) shared.unseen.add(domain);
    if (values.length > 0) challenge = await publishChallenges(parts, zone, values, changes, signal);
    else if (changes.length > 0) await provider.apply(zone, changes, signal);
  };
  const done = await carryOut(provider, draft, planned, write, signal);
  noteHolders(parts, look, drafts, done);
  const { changes } = done;
  if (changes.length > 0) {
    const written = { zone: zone.name ?? zone.id, ...describeChanges(changes), seconds: elapsed() };
    emit({ type: 'records-published', ...written });
  }
  if (values.length > 0) logChallenge(parts, values, elapsed());
  return challenge;
}

/** Writes challenge values alone. */
export async function writeChallenge(
  parts: Deps,
  { zone }: Pick<ZoneLook, 'zone'>,
  values: readonly ChallengeValue[],
  signal: AbortSignal,
): Promise<readonly DnsRecord[]> {
  const elapsed = stopwatch(parts.clock);
  const records = await despiteConflicts(() => publishChallenges(parts, zone, values, [], signal));
  logChallenge(parts, values, elapsed());
  return records;
}

function logChallenge({ emit }: Deps, values: readonly ChallengeValue[], seconds: number): void {
  const names = values.map(({ name }) => name);
  emit({ type: 'challenge-published', names, seconds });
}

/**
 * The records without a challenge. Where a provider refuses the write of several names, each is written by itself, so that
 * one that is refused holds up no other. Gives the names that failed, and why.
 */
export async function writeRecords(
  parts: Deps,
  look: ZoneLook,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, unknown>> {
  const { drafts } = look;
  try {
    await writeZone(parts, look, [], signal);
    return new Map();
  } catch (failure) {
    signal.throwIfAborted();
    const isOfOne = isIngressError(failure, 'PROVIDER_REJECTED') && drafts.length > 1;
    if (!isOfOne) return new Map(drafts.map(({ domain }) => [domain, failure]));
    return writeOneByOne(parts, look, signal);
  }
}

async function writeOneByOne(
  parts: Deps,
  look: ZoneLook,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, unknown>> {
  const { zone, results } = look;
  const failed = new Map<string, unknown>();
  for (const one of look.drafts) {
    try {
      const draft = mergeDrafts(parts, zone, [one], results);
      const planned = await planZone(parts.provider, draft, signal);
      await writeZone(parts, { ...look, draft, drafts: [one], planned }, [], signal);
    } catch (failure) {
      signal.throwIfAborted();
      failed.set(one.domain, failure);
    }
  }
  return failed;
}

/** The names that changes are about. */
function namesOf(changes: readonly Change[], drafts: readonly NameDraft[]): string[] {
  const owners = new Set(
    changes.map((change) => (change.action === 'remove' ? change.removed : change.record).name),
  );
  return drafts
    .filter((draft) => draft.owners.some((owner) => owners.has(owner)))
    .map(({ domain }) => domain);
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
