import { isIngressError } from '../errors.ts';
import { removeFromJournal } from '../records/journal.ts';
import { NO_CHALLENGES, planZone, type ZonePlan, type ZoneState } from '../records/zone-plan.ts';
import {
  type ChallengeOutcome,
  published,
  type WantedChallenge,
  writeZone,
  type ZoneWants,
  type ZoneWrite,
} from './apply.ts';
import type { Deps } from './deps.ts';
import type { Facts } from './discover.ts';
import { planContext, readZone } from './zones.ts';

/** The provider may accept a part of a write that it refused with one of these codes. */
const SPLITTABLE = ['STORE_FAILED', 'PROVIDER_PERMISSION_MISSING', 'PROVIDER_REJECTED'] as const;

/**
 * Repeats a refused write in parts: records without challenges, challenges without records,
 * removals alone. `failure` is the error of the refused write. Failures are part of the result;
 * rejects only with the signal's reason.
 */
export async function applyInParts(
  deps: Deps,
  zone: ZoneState,
  wants: ZoneWants,
  failure: unknown,
  signal: AbortSignal,
): Promise<ZoneWrite> {
  const { facts, publish } = wants;
  const { pruned } = planZone(zone, wants, planContext(deps, facts));
  const hasRecords = zone.current !== undefined && zone.names.length > 0;
  const parts = [hasRecords, publish.length > 0, pruned.length > 0].filter(Boolean).length;
  const refused: Refused = { failure, isDivisible: parts > 1, isSplittable: isSplittable(failure) };
  const records = hasRecords
    ? await applyRecords(deps, { ...zone, journalled: [] }, facts, refused, signal)
    : { plan: undefined, failed: new Map() };
  const challenges = refused.isDivisible
    ? await publishAlone(deps, zone, wants, { ...records, failure }, signal)
    : publish.map((value) => ({ value, record: undefined, failure }));
  const pruneFailure = pruned.length > 0 ? await pruneAlone(deps, zone, wants, refused, signal) : undefined;
  return { zone, facts, ...records, challenges, pruneFailure, writtenAt: deps.clock.now() };
}

/** Publishes challenges in a zone whose records this run has already written. */
export async function applyChallenges(
  deps: Deps,
  before: ZoneWrite,
  publish: readonly WantedChallenge[],
  signal: AbortSignal,
): Promise<ZoneWrite> {
  const { facts, failed } = before;
  // The first write may have pruned a value that was read, and that the CA uses again.
  const zone = { ...before.zone, current: undefined };
  const challenges = await publishAlone(
    deps,
    zone,
    { facts, publish },
    { failed, failure: undefined },
    signal,
  );
  return { ...before, challenges, pruneFailure: undefined, writtenAt: deps.clock.now() };
}

/** A write that failed. */
interface Refused {
  readonly failure: unknown;
  /** Whether it had more than one part. */
  readonly isDivisible: boolean;
  /** Whether the provider may accept a part of it. */
  readonly isSplittable: boolean;
}

/**
 * Writes the records without challenges. If the provider rejects the names together, writes each
 * name separately.
 */
async function applyRecords(
  deps: Deps,
  zone: ZoneState,
  facts: Facts,
  { failure, isDivisible, isSplittable }: Refused,
  signal: AbortSignal,
): Promise<Pick<ZoneWrite, 'plan' | 'failed'>> {
  let reason = failure;
  if (isDivisible && isSplittable) {
    try {
      const plan = await writeZone(deps, zone, { facts, ...NO_CHALLENGES }, signal);
      return { plan, failed: plan.refused };
    } catch (thrown) {
      signal.throwIfAborted();
      reason = thrown;
    }
  }
  if (isIngressError(reason, 'PROVIDER_REJECTED') && zone.names.length > 1)
    return applyEachName(deps, zone, facts, signal);
  const { refused } = planZone(zone, NO_CHALLENGES, planContext(deps, facts));
  const failed = zone.names.map(({ domain }) => [domain, refused.get(domain) ?? reason] as const);
  return { plan: undefined, failed: new Map(failed) };
}

async function applyEachName(
  deps: Deps,
  zone: ZoneState,
  facts: Facts,
  signal: AbortSignal,
): Promise<Pick<ZoneWrite, 'plan' | 'failed'>> {
  const failed = new Map<string, unknown>();
  let joined: ZonePlan | undefined;
  for (const name of zone.names) {
    try {
      const one = { ...zone, names: [name] };
      const state = { ...one, current: await readZone(deps, one, signal) };
      const plan = await writeZone(deps, state, { facts, ...NO_CHALLENGES }, signal);
      for (const [domain, refusal] of plan.refused) failed.set(domain, refusal);
      joined = joined ? join(joined, plan) : plan;
    } catch (thrown) {
      signal.throwIfAborted();
      failed.set(name.domain, thrown);
    }
  }
  return { plan: joined, failed };
}

function join(a: ZonePlan, b: ZonePlan): ZonePlan {
  return { ...a, desired: [...a.desired, ...b.desired], names: new Map([...a.names, ...b.names]) };
}

/**
 * Publishes the challenges without records, except that of a first certificate whose records
 * failed.
 */
async function publishAlone(
  deps: Deps,
  zone: ZoneState,
  { facts, publish }: Pick<ZoneWants, 'facts' | 'publish'>,
  { failed, failure }: Pick<ZoneWrite, 'failed'> & { readonly failure: unknown },
  signal: AbortSignal,
): Promise<ChallengeOutcome[]> {
  const isNeeded = ({ isRenewal, domain }: WantedChallenge) => isRenewal || !failed.has(domain);
  const needed = publish.filter(isNeeded);
  const left = publish
    .filter((value) => !isNeeded(value))
    .map((value) => ({ value, record: undefined, failure: failed.get(value.domain) ?? failure }));
  if (needed.length === 0) return left;
  const alone: ZoneState = { ...zone, names: [], journalled: [] };
  try {
    await writeZone(deps, alone, { facts, publish: needed, retain: [] }, signal);
    return [...needed.map((value) => published(deps, value)), ...left];
  } catch (thrown) {
    signal.throwIfAborted();
    return [...needed.map((value) => ({ value, record: undefined, failure: thrown })), ...left];
  }
}

async function pruneAlone(
  deps: Deps,
  zone: ZoneState,
  { facts, publish, retain }: ZoneWants,
  { failure, isDivisible, isSplittable }: Refused,
  signal: AbortSignal,
): Promise<unknown> {
  if (isIngressError(failure, 'ZONE_NOT_FOUND')) return forget(deps, zone);
  if (!isDivisible || !isSplittable) return failure;
  try {
    const wants = { facts, publish: [], retain: [...publish, ...retain] };
    await writeZone(deps, { ...zone, names: [] }, wants, signal);
    return undefined;
  } catch (thrown) {
    signal.throwIfAborted();
    return thrown;
  }
}

/** Gives up the challenges in a zone that the account no longer has. */
async function forget(deps: Deps, { zone, journalled }: ZoneState): Promise<unknown> {
  try {
    await removeFromJournal(deps, journalled);
  } catch (thrown) {
    return thrown;
  }
  for (const { name } of journalled)
    deps.emit({ type: 'challenge-abandoned', name, zone: zone.name ?? zone.id });
  return undefined;
}

function isSplittable(failure: unknown): boolean {
  return SPLITTABLE.some((code) => isIngressError(failure, code));
}
