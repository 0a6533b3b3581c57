import { type CurrentRecord, type DnsRecord, describeRecord } from '../dns/record.ts';
import type { DesiredRecord } from './desired.ts';

/**
 * Which of several containers has a name (blue and green, replicas, a standby). The gateway reads
 * one app-address value, so one of them is served at a time, and they know of each other by the
 * zone alone. Pure.
 */

/**
 * APP_ADDRESS_MODE. `claim`: a start takes the name, whoever has it; after that it is kept, and
 * left to whoever takes it. `hold`: what another container has is never taken.
 */
export type AddressMode = 'claim' | 'hold';

/**
 * What a pass does with the records of one name.
 * - `claim`: all of them become ours, whoever had them; CAA records of other accounts of the same
 *   CA give way.
 * - `retain`: the name is ours, or nobody's and becomes ours; CAA records of other accounts stay
 *   beside ours.
 * - `yield`: another container has the name. Its app-address and its alias stay; our CAA records
 *   stand beside others.
 */
export type Ownership = 'claim' | 'retain' | 'yield';

export interface OwnershipDecision {
  readonly ownership: Ownership;
  /** The app-address value that we yield to. */
  readonly otherOwner?: string;
}

export interface OwnershipSituation {
  readonly mode: AddressMode;
  /**
   * Whether this process has taken the name, or seen its own value standing: true after the first
   * pass that wrote.
   */
  readonly claimed: boolean;
  readonly current: readonly CurrentRecord[];
  /** The app-address record that we want. */
  readonly own: Omit<DnsRecord, 'ttl'>;
}

/**
 * Decides who has the name. Two that publish at the same moment both find both values: the first
 * one in an order that all containers share stays, and the other is withdrawn, so that neither both
 * stay nor both go.
 */
export function decideOwnership({ mode, claimed, current, own }: OwnershipSituation): OwnershipDecision {
  if (mode === 'claim' && !claimed) return { ownership: 'claim' };
  const values = current.filter(({ name, type }) => name === own.name && type === own.type);
  const others = values.map(({ value }) => value).filter((value) => value !== own.value);
  const [rival] = others.sort(inOrder);
  if (rival === undefined) return { ownership: 'retain' };
  const stands = values.some(({ value }) => value === own.value);
  return stands && inOrder(own.value, rival) < 0
    ? { ownership: 'retain' }
    : { ownership: 'yield', otherOwner: rival };
}

/**
 * What is no address (`id:port`) comes last, so that it never wins against one; no locale, which
 * containers may not share.
 */
function inOrder(a: string, b: string): number {
  const isAddress = (value: string) => /^\w+:\d+$/.test(value);
  if (isAddress(a) !== isAddress(b)) return isAddress(a) ? -1 : 1;
  return a < b ? -1 : Number(a > b);
}

/** What is known of the names before a pass, by what earlier ones of this process have found. */
export interface OwnershipContext {
  readonly mode: AddressMode;
  /**
   * Served names; each belongs to it once a pass has written what was planned for it, also where
   * nothing differed.
   */
  readonly claimed: ReadonlySet<string>;
}

/** The decision for each served name of a zone. */
export interface OwnershipDecisions {
  readonly mode: AddressMode;
  readonly decisions: ReadonlyMap<string, OwnershipDecision & { readonly own: DesiredRecord }>;
  /**
   * For plan.ts: the ownership of the served name that a record is wanted for; a record of no such
   * name is taken.
   */
  readonly ownershipOf: (record: DesiredRecord) => Ownership;
}

/** Decides for every served name whose app-address is among the desired records. */
export function decideAllOwnerships(
  desired: readonly DesiredRecord[],
  live: readonly CurrentRecord[],
  { mode, claimed }: OwnershipContext,
): OwnershipDecisions {
  const verdicts = new Map(
    desired.flatMap((own) => {
      if (own.purpose !== 'app-address' || own.for === undefined) return [];
      return [
        [
          own.for,
          { ...decideOwnership({ mode, claimed: claimed.has(own.for), current: live, own }), own },
        ] as const,
      ];
    }),
  );
  const ownershipOf = (record: DesiredRecord): Ownership =>
    verdicts.get(record.for ?? '')?.ownership ?? 'claim';
  return { mode, decisions: verdicts, ownershipOf: ownershipOf };
}

/** Somebody else has a name now, or nobody else has it any more. */
export interface OwnerChange {
  readonly domain: string;
  /**
   * The other value that stands; undefined when it is gone. To be remembered as `before` of the
   * next pass.
   */
  readonly otherOwner: string | undefined;
  /** For a person: what happened and what can be done. */
  readonly sentence: string;
}

/**
 * What has changed since `before`, which is the other value by served name, where there was one.
 */
export function ownerChanges(
  { mode, decisions }: OwnershipDecisions,
  before: ReadonlyMap<string, string>,
): OwnerChange[] {
  return [...decisions].flatMap(([domain, { otherOwner, own }]): OwnerChange[] => {
    const last = before.get(domain);
    if (otherOwner === last) return [];
    const sentence =
      otherOwner === undefined ? regained(domain, last) : lost(domain, { ...own, value: otherOwner }, mode);
    return [{ domain, otherOwner: otherOwner, sentence }];
  });
}

function lost(domain: string, rival: DnsRecord, mode: AddressMode): string {
  const what = `another container has ${domain}: ${describeRecord(rival)} stands`;
  const left = 'the app-address and the alias of the name are left alone until it is gone';
  return mode === 'hold'
    ? `${what}; as a standby (APP_ADDRESS_MODE=hold) this one does not take it, and ${left}. To hand the name over, stop the other container and remove that record.`
    : `${what} where this one's stood; ${left}. Stop one of the two; restart this container to take the name back; set APP_ADDRESS_MODE=hold for a standby.`;
}

function regained(domain: string, last: string | undefined): string {
  return `no other container has ${domain} any more (${last} is gone); this one goes on with its records`;
}
