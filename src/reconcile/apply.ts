import { stopwatch } from '../clock.ts';
import { type Change, type CurrentRecord, type DnsRecord, describeRecord, sameData } from '../dns/record.ts';
import { isIngressError } from '../errors.ts';
import {
  type ChallengeValue,
  challengeRecord,
  type JournalledChallenge,
  toRecord,
} from '../records/challenges.ts';
import { addToJournal, removeFromJournal } from '../records/journal.ts';
import { ownerNames } from '../records/name-records.ts';
import { ownerChanges } from '../records/ownership.ts';
import { type DesiredChallenges, planZone, type ZonePlan, type ZoneState } from '../records/zone-plan.ts';
import type { Deps } from './deps.ts';
import type { Facts } from './discover.ts';
import { planContext, readZone } from './zones.ts';

/**
 * The number of attempts to plan and write a zone if another writer changes it between our read and
 * our write.
 */
const ATTEMPTS = 3;

/** A challenge value to publish. */
export interface WantedChallenge extends ChallengeValue {
  /**
   * Whether to publish it even if the records of its name failed: a renewal needs only the
   * challenge.
   */
  readonly isRenewal: boolean;
}

/** The desired content of a zone. */
export interface ZoneWants {
  readonly facts: Facts;
  /** Challenges of the orders in progress. */
  readonly publish: readonly WantedChallenge[];
  /** Challenges of open orders that are not in progress: neither published nor pruned. */
  readonly retain: readonly ChallengeValue[];
}

/** The outcome for a challenge value: its record, or why it was not published. */
export interface ChallengeOutcome {
  readonly value: WantedChallenge;
  readonly record: DnsRecord | undefined;
  readonly failure: unknown;
}

/** The result of writing a zone. */
export interface ZoneWrite {
  readonly zone: ZoneState;
  readonly facts: Facts;
  /** The plan of the records that was applied; undefined if none was. */
  readonly plan: ZonePlan | undefined;
  /** Names whose records could not be planned or written, and why. */
  readonly failed: ReadonlyMap<string, unknown>;
  readonly challenges: readonly ChallengeOutcome[];
  /** Why challenges whose order is over could not be removed; undefined when they were. */
  readonly pruneFailure: unknown;
  /** The latest time at which the zone may have been written. */
  readonly writtenAt: Date;
}

/**
 * Brings a zone to its desired state in one write: the records of all of its names, the challenges
 * of the orders in progress, and the removal of those whose order is over. Names whose records
 * cannot be planned are part of the result. Throws what the provider throws, and STORE_FAILED.
 */
export async function applyAtOnce(
  deps: Deps,
  zone: ZoneState,
  wants: ZoneWants,
  signal: AbortSignal,
): Promise<ZoneWrite> {
  const { facts, publish } = wants;
  const plan = await writeZone(deps, zone, wants, signal);
  const challenges = publish.map((value) => published(deps, value));
  const { refused: failed } = plan;
  return { zone, facts, plan, failed, challenges, pruneFailure: undefined, writtenAt: deps.clock.now() };
}

/**
 * Reads a zone again and writes what is missing. Another container that started in the same second
 * may have replaced our records or added its own (then one of the two yields, see ownership.ts),
 * and a client that writes whole zones may have removed our challenge. Throws what the provider
 * throws.
 */
export async function reapplyZone(deps: Deps, before: ZoneWrite, signal: AbortSignal): Promise<ZoneWrite> {
  const { facts, failed } = before;
  const names = before.zone.names.filter(({ domain }) => !failed.has(domain));
  const publish = before.challenges.flatMap(({ value, record }) => (record ? [value] : []));
  const unread: ZoneState = { ...before.zone, names, journalled: [] };
  const current = await readZone(deps, unread, signal);
  const zone = { ...unread, current };
  // A name whose records failed is not read, so its challenge is not checked.
  const read = new Set(names.flatMap(({ domain }) => ownerNames(domain, deps.spec)));
  const expected = publish.filter(({ name }) => read.has(name));
  const vanished = expected.filter((value) => {
    const record = challengeRecord(value, deps.provider.capabilities);
    return !current.some((one) => sameData(one, record));
  });
  for (const { name } of vanished) deps.emit({ type: 'challenge-vanished', name });
  const plan = await writeZone(deps, zone, { facts, publish: vanished, retain: [] }, signal);
  return { ...before, plan };
}

/** Removes challenges by their exact values. Throws what the provider throws, and STORE_FAILED. */
export async function removeChallenges(
  deps: Pick<Deps, 'provider' | 'journalOf'>,
  { zone }: Pick<ZoneState, 'zone'>,
  journalled: readonly JournalledChallenge[],
  signal: AbortSignal,
): Promise<void> {
  const changes = journalled.map((one): Change => ({ action: 'remove', removed: toRecord(one) }));
  await retryingConflicts(() => deps.provider.apply(zone, changes, signal));
  // Without a handle, the provider has not answered the write and may still carry it out: a later
  // run prunes that value.
  await removeFromJournal(
    deps,
    journalled.filter(({ handle }) => handle !== undefined),
  );
}

/**
 * Plans and writes a zone, and repeats both if another writer was faster. Resolves with the plan
 * that was applied. Throws what the provider throws, and STORE_FAILED.
 */
export async function writeZone(
  deps: Deps,
  zone: ZoneState,
  wants: Pick<ZoneWants, 'facts'> & DesiredChallenges,
  signal: AbortSignal,
): Promise<ZonePlan> {
  let state = zone;
  return retryingConflicts(
    async () => {
      const plan = planZone(state, wants, planContext(deps, wants.facts));
      await writePlan(deps, state, plan, wants.publish, signal);
      return plan;
    },
    async () => {
      if (state.current) state = { ...state, current: await readZone(deps, state, signal) };
    },
  );
}

async function retryingConflicts<T>(
  write: () => Promise<T>,
  before: () => Promise<void> = async () => undefined,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await write();
    } catch (thrown) {
      if (!isIngressError(thrown, 'PROVIDER_CONFLICT') || attempt === ATTEMPTS) throw thrown;
      await before();
    }
  }
}

/**
 * Applies a plan with at most one call of the provider. Writes the journal first, so that a crash
 * leaves no value that is not journalled.
 */
async function writePlan(
  deps: Deps,
  { zone, names, current }: ZoneState,
  { changes, challengeChanges, pruned, warnings, ...plan }: ZonePlan,
  publish: readonly ChallengeValue[],
  signal: AbortSignal,
): Promise<void> {
  const { provider, shared, clock, emit } = deps;
  const elapsed = stopwatch(clock);
  for (const warning of warnings) deps.warn(warning);
  // A write whose response is lost may have been carried out, so these names are pending from now
  // on.
  for (const domain of changedNames(changes, names, deps)) shared.pending.add(domain);
  // The value of a resumed order may already be in the zone, with a handle.
  const values = publish.map((value) => {
    const record = recordOf(deps, value);
    return { ...(current?.find((one) => sameData(one, record)) ?? record), domain: value.domain };
  });
  await addToJournal(deps, zone, values);
  const all = [...changes, ...challengeChanges];
  const made = all.length > 0 ? await provider.apply(zone, all, signal) : [];
  await addToJournal(
    deps,
    zone,
    values.flatMap((value) => {
      const record = made.find((one) => sameData(one, value));
      return record ? [{ ...value, ...record }] : [];
    }),
  );
  await removeFromJournal(deps, pruned);
  rememberOwners(deps, plan);
  if (changes.length > 0)
    emit({
      ...{ type: 'records-published', zone: zone.name ?? zone.id },
      ...describeChanges(changes),
      seconds: elapsed(),
    });
  if (values.length > 0)
    emit({ type: 'challenge-published', names: values.map(({ name }) => name), seconds: elapsed() });
  const removed = confirmed(pruned);
  if (removed.length > 0) emit({ type: 'challenge-pruned', names: removed });
}

/** The owner names of challenges whose publication the provider has confirmed. */
export function confirmed(journalled: readonly JournalledChallenge[]): string[] {
  return journalled.filter(({ handle }) => handle !== undefined).map(({ name }) => name);
}

/**
 * Remembers that this process owns the names whose records it has written or found, and reports
 * each change of a name's owner once.
 */
function rememberOwners({ shared, emit }: Deps, { ownership }: Pick<ZonePlan, 'ownership'>): void {
  for (const { domain, otherOwner, sentence } of ownerChanges(ownership, shared.otherOwners)) {
    if (otherOwner === undefined) {
      shared.otherOwners.delete(domain);
      emit({ type: 'name-regained', name: domain, sentence });
    } else {
      shared.otherOwners.set(domain, otherOwner);
      emit({ type: 'name-taken', name: domain, otherOwner, sentence });
    }
  }
  for (const [domain, decision] of ownership.decisions)
    if (decision.ownership !== 'yield') shared.claimed.add(domain);
}

/** The outcome for a challenge value that was written. */
export function published(deps: Deps, value: WantedChallenge): ChallengeOutcome {
  return { value, record: recordOf(deps, value), failure: undefined };
}

function recordOf({ provider }: Pick<Deps, 'provider'>, challenge: ChallengeValue): CurrentRecord {
  const { name, type, value, ttl } = challengeRecord(challenge, provider.capabilities);
  return { name, type, value, ttl };
}

/** The served names that the changes concern. */
function changedNames(changes: readonly Change[], names: ZoneState['names'], { spec }: Deps): string[] {
  const owners = new Set(
    changes.map((change) => (change.action === 'remove' ? change.removed : change.record).name),
  );
  return names
    .filter(({ domain }) => ownerNames(domain, spec).some((owner) => owners.has(owner)))
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
