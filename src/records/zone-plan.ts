import type { Capabilities, Zone } from '../dns/provider.ts';
import { type Change, type CurrentRecord, describeRecord, sameData } from '../dns/record.ts';
import { IngressError } from '../errors.ts';
import { type ChallengeValue, challengeRecord, type JournalledChallenge, toRecord } from './challenges.ts';
import type { DesiredRecord } from './desired.ts';
import { type NameRecords, type RecordFacts, type RecordSpec, recordsOfName } from './name-records.ts';
import { type AddressMode, decideAllOwnerships, type OwnershipDecisions } from './ownership.ts';
import { blockingCname, type Plan, plan } from './plan.ts';

/** A zone of the provider's account, as of one read. */
export interface ZoneState {
  readonly zone: Zone;
  /** The served names that have their records here. */
  readonly names: readonly ZoneName[];
  /**
   * Undefined if the zone was not read, because the desired records are unknown or reading failed.
   */
  readonly current: readonly CurrentRecord[] | undefined;
  /** Our challenge values in this zone, according to the journals. */
  readonly journalled: readonly JournalledChallenge[];
}

/** A served name, and whether a certificate for it is stored. */
export interface ZoneName {
  readonly domain: string;
  readonly certified: boolean;
}

/** The inputs for the plan of a zone, apart from the challenges. */
export interface PlanContext {
  readonly spec: RecordSpec & { readonly addressMode: AddressMode };
  readonly capabilities: Capabilities;
  /** Undefined if the desired records are unknown: then only challenges are planned. */
  readonly facts: RecordFacts | undefined;
  /** Names that this process owns already (see ownership.ts). */
  readonly claimed: ReadonlySet<string>;
}

/** Challenge values and their orders. */
export interface DesiredChallenges {
  /** Of orders in progress: to be published. */
  readonly publish: readonly ChallengeValue[];
  /** Of open orders that are not in progress: neither published nor pruned. */
  readonly retain: readonly ChallengeValue[];
}

export const NO_CHALLENGES: DesiredChallenges = { publish: [], retain: [] };

/** The difference between the desired and the current records of a zone. */
export interface ZonePlan extends Plan {
  /** The changes to challenge values, removals first. `changes` does not include them. */
  readonly challengeChanges: readonly Change[];
  /** Journalled challenge values of no open order. */
  readonly pruned: readonly JournalledChallenge[];
  /** By name, without those in `refused`. */
  readonly names: ReadonlyMap<string, NameRecords>;
  /** Why nothing can be planned for a name. The others are planned without it. */
  readonly refused: ReadonlyMap<string, IngressError>;
  readonly ownership: OwnershipDecisions;
}

/**
 * Plans a zone: the records of all of its names, the challenges of the orders in progress, and the
 * removal of challenges whose order is over. Idempotent: once a plan is applied, the next one has
 * no changes. Pure.
 */
export function planZone(zone: ZoneState, challenges: DesiredChallenges, context: PlanContext): ZonePlan {
  const { current } = zone;
  const names = current ? zone.names.flatMap((name) => recordsOf(name, zone.zone, current, context)) : [];
  const planned = planNames(names, current ?? [], context);
  return { ...planned, ...planChallenges(zone, challenges, context) };
}

/** The desired records of a name after the plan, without those yielded to another owner. */
export function desiredOf({ desired }: Pick<Plan, 'desired'>, domain: string): readonly DesiredRecord[] {
  return desired.filter((record) => record.for === domain);
}

/**
 * PROVIDER_REJECTED for a CNAME that excludes the records of a name, as the provider would report.
 */
export function cnameFault(cname: CurrentRecord): IngressError {
  const sentence = `${describeRecord(cname)} excludes every other record at its name and is not ours to remove`;
  return new IngressError('PROVIDER_REJECTED', sentence, {
    hint: `Remove the CNAME at ${cname.name} if nothing needs it.`,
  });
}

/** The records of a name; empty when the desired records are unknown. */
function recordsOf(
  { domain, certified }: ZoneName,
  { name: apex }: Zone,
  current: readonly CurrentRecord[],
  context: PlanContext,
): NameRecords[] {
  const { facts } = context;
  return facts ? [recordsOfName({ domain, apex, certified }, current, facts, context)] : [];
}

/**
 * Plans all names together, because one may remove the CNAME that excludes the records of another:
 * the CAA record of a wildcard is at its base name. A name whose records stay excluded is refused,
 * and the others are planned again, since its own records go with it.
 */
function planNames(
  names: readonly NameRecords[],
  current: readonly CurrentRecord[],
  context: PlanContext,
): Omit<ZonePlan, 'challengeChanges' | 'pruned'> {
  const accepted = names.filter(({ refused }) => refused === undefined);
  const planned = planRecords(
    current,
    accepted.flatMap(({ records }) => records),
    context,
  );
  const checked = context.capabilities.cnameBesideOthers
    ? names
    : names.map((name) => {
        const cname = blockingCname(desiredOf(planned, name.domain), planned, current);
        return cname ? { ...name, records: [], refused: cnameFault(cname) } : name;
      });
  if (checked.some((name, index) => name !== names[index])) return planNames(checked, current, context);
  return {
    ...planned,
    warnings: [...names.flatMap(({ warnings }) => warnings), ...planned.warnings],
    names: new Map(accepted.map((one) => [one.domain, one])),
    refused: new Map(names.flatMap(({ domain, refused }) => (refused ? [[domain, refused]] : []))),
  };
}

function planRecords(
  current: readonly CurrentRecord[],
  desired: readonly DesiredRecord[],
  { spec, capabilities, claimed }: PlanContext,
): Plan & { readonly ownership: OwnershipDecisions } {
  const ownership = decideAllOwnerships(desired, current, { mode: spec.addressMode, claimed });
  return { ...plan(desired, current, capabilities, ownership.ownershipOf), ownership };
}

function planChallenges(
  { current, journalled }: ZoneState,
  { publish, retain }: DesiredChallenges,
  { capabilities }: PlanContext,
): Pick<ZonePlan, 'challengeChanges' | 'pruned'> {
  const isOpen = ({ name, value }: JournalledChallenge) =>
    [...publish, ...retain].some((one) => one.name === name && one.value === value);
  const pruned = journalled.filter((one) => !isOpen(one));
  const desired = publish.map((value) => challengeRecord(value, capabilities));
  return {
    pruned,
    challengeChanges: [
      ...pruned.flatMap((one) => removalOf(one, current)),
      ...plan(desired, current ?? [], capabilities).changes,
    ],
  };
}

/** Removes the exact value; no change if a read has shown that it is gone. */
function removalOf(journalled: JournalledChallenge, current: readonly CurrentRecord[] | undefined): Change[] {
  const record = toRecord(journalled);
  const found = current?.find((one) => sameData(one, record));
  if (current && !found) return [];
  return [{ action: 'remove', removed: found ?? record }];
}
