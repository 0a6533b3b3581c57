import { type CurrentRecord, type DnsRecord, describeRecord } from '../dns/record.ts';
import type { DesiredRecord } from './desired.ts';

/**
 * Which of several containers owns a name (blue and green, replicas, a standby). The gateway reads
 * one app-address value, so it routes a name to one container at a time, and the containers know of
 * each other only by the records in the zone. Pure.
 */

/**
 * APP_ADDRESS_MODE. `claim`: a start claims the name from any other container; later runs retain
 * it, and yield to a container that claims it. `hold`: a name that another container owns is never
 * claimed.
 */
export type AddressMode = 'claim' | 'hold';

/**
 * What a reconciliation does with the records of one name.
 * - `claim`: all of them become ours, and CAA records of other accounts at the same CA are
 *   replaced.
 * - `retain`: the name is ours, or is free and becomes ours; CAA records of other accounts stay.
 * - `yield`: another container owns the name. Its app-address and alias stay; our CAA records are
 *   published beside its own.
 */
export type Ownership = 'claim' | 'retain' | 'yield';

export interface OwnershipDecision {
  readonly ownership: Ownership;
  /** The app-address value of the container that we yield to. */
  readonly otherOwner?: string;
}

/** What the ownership of a name depends on. */
export interface OwnershipSituation {
  readonly mode: AddressMode;
  /** Whether this process has claimed the name, or found its own value there. */
  readonly claimed: boolean;
  readonly current: readonly CurrentRecord[];
  /** Our desired app-address record. */
  readonly own: Omit<DnsRecord, 'ttl'>;
}

/**
 * Decides who owns the name. Two containers that publish concurrently both find both values: the
 * first value in an order that all containers share stays, and the other one is removed, so that
 * exactly one remains.
 */
export function decideOwnership({ mode, claimed, current, own }: OwnershipSituation): OwnershipDecision {
  if (mode === 'claim' && !claimed) return { ownership: 'claim' };
  const values = current.filter(({ name, type }) => name === own.name && type === own.type);
  const others = values.map(({ value }) => value).filter((value) => value !== own.value);
  const [otherOwner] = others.sort(compareValues);
  if (otherOwner === undefined) return { ownership: 'retain' };
  const isPublished = values.some(({ value }) => value === own.value);
  return isPublished && compareValues(own.value, otherOwner) < 0
    ? { ownership: 'retain' }
    : { ownership: 'yield', otherOwner };
}

/**
 * The order that all containers share. Values that are not an app-address (`id:port`) come last, so
 * that they never win against one. Compares code units, because containers may differ in their
 * locale.
 */
function compareValues(a: string, b: string): number {
  const isAddress = (value: string) => /^\w+:\d+$/.test(value);
  if (isAddress(a) !== isAddress(b)) return isAddress(a) ? -1 : 1;
  return a < b ? -1 : Number(a > b);
}

/** What this process knows about the ownership of names from earlier runs. */
export interface OwnershipContext {
  readonly mode: AddressMode;
  /** Served names whose plan an earlier run of this process has applied, even without changes. */
  readonly claimed: ReadonlySet<string>;
}

/** The decision for each served name of a zone. */
export interface OwnershipDecisions {
  readonly mode: AddressMode;
  readonly decisions: ReadonlyMap<string, OwnershipDecision & { readonly own: DesiredRecord }>;
  /**
   * For plan.ts: the ownership of the served name that a record is desired for; `claim` for a
   * record of no such name.
   */
  readonly ownershipOf: (record: DesiredRecord) => Ownership;
}

/** Decides for every served name whose app-address is among the desired records. */
export function decideAllOwnerships(
  desired: readonly DesiredRecord[],
  current: readonly CurrentRecord[],
  { mode, claimed }: OwnershipContext,
): OwnershipDecisions {
  const decisions = new Map(
    desired.flatMap((own) => {
      if (own.purpose !== 'app-address' || own.for === undefined) return [];
      const decision = decideOwnership({ mode, claimed: claimed.has(own.for), current, own });
      return [[own.for, { ...decision, own }] as const];
    }),
  );
  const ownershipOf = (record: DesiredRecord): Ownership =>
    decisions.get(record.for ?? '')?.ownership ?? 'claim';
  return { mode, decisions, ownershipOf };
}

/** A change of the owner of a name since the last call. */
export interface OwnerChange {
  readonly domain: string;
  /**
   * The app-address value of the other owner; undefined when it is gone. Pass it in `before` of the
   * next call.
   */
  readonly otherOwner: string | undefined;
  /** What happened, and what the operator can do. */
  readonly sentence: string;
}

/** The changes since `before`, which has the other owner of each served name that had one. */
export function ownerChanges(
  { mode, decisions }: OwnershipDecisions,
  before: ReadonlyMap<string, string>,
): OwnerChange[] {
  return [...decisions].flatMap(([domain, { otherOwner, own }]): OwnerChange[] => {
    const last = before.get(domain);
    if (otherOwner === last) return [];
    const sentence =
      otherOwner === undefined
        ? regainedSentence(domain, last)
        : takenSentence(domain, { ...own, value: otherOwner }, mode);
    return [{ domain, otherOwner, sentence }];
  });
}

function takenSentence(domain: string, other: DnsRecord, mode: AddressMode): string {
  const yields = 'leaves the app-address and the alias of the name unchanged until that record is gone';
  const record = describeRecord(other);
  return mode === 'hold'
    ? `another container owns ${domain} (${record}); this standby (APP_ADDRESS_MODE=hold) ${yields}. To hand the name over, stop the other container and remove that record.`
    : `another container has taken ${domain} (${record}); this container ${yields}. Stop one of the two; restart this container to take the name back; set APP_ADDRESS_MODE=hold on a standby.`;
}

function regainedSentence(domain: string, last: string | undefined): string {
  return `no other container owns ${domain} any longer (${last} is gone); this container manages its records again`;
}
