import { type Change, type CurrentRecord, type DnsRecord, sameData } from '../../src/dns/record.ts';
import { removedBy } from '../shared/changes.ts';
import { normalizeTtl } from './records.ts';

/**
 * Turns a plan's changes into single calls, because the API has neither batches nor transactions.
 * Pure.
 */

/** One call that writes. */
export type Step =
  | { readonly kind: 'delete'; readonly removed: CurrentRecord; readonly id: string }
  | { readonly kind: 'put'; readonly record: DnsRecord; readonly id: string; readonly change: Change }
  | { readonly kind: 'post'; readonly record: DnsRecord; readonly change: Change };

/** The calls that a plan needs, or why they cannot be made. */
export interface Schedule {
  /** In the order in which they are carried out. */
  readonly steps: readonly Step[];
  /** The records that make a change unnecessary. */
  readonly current: ReadonlyMap<Change, CurrentRecord>;
  /** Two records at one name of which Linode serves only one (RFC 1034 §3.6.2). */
  readonly clash: Clash | undefined;
}

/** A record that would share its name with a CNAME (RFC 1034 §3.6.2). */
export interface Clash {
  readonly wanted: DnsRecord;
  readonly current: DnsRecord;
  /**
   * Whether a record that should be removed at that name no longer exists: the zone has changed
   * since it was read.
   */
  readonly isNew: boolean;
}

/**
 * The calls that are still needed, given the current records at the changes' names. Skips what was
 * removed by hand or made by an earlier attempt, because Linode would store the same record twice.
 * Does not remove a record that another client has changed, whatever its id.
 */
export function schedule(changes: readonly Change[], current: readonly CurrentRecord[]): Schedule {
  const left = new Set(current);
  const steps: Step[] = [];
  const unchanged = new Map<Change, CurrentRecord>();
  for (const change of changes) {
    if (change.action === 'remove') steps.push(...deletion(take(left, change.removed)));
  }
  for (const change of changes) {
    if (change.action === 'remove') continue;
    const obsolete = takeObsolete(left, change);
    const same = findSame(left, change);
    if (same?.ttl === normalizeTtl(change.record.ttl)) unchanged.set(change, same);
    else steps.push(...writing(change, same ?? inPlace(change, obsolete)));
    if (same || !inPlace(change, obsolete)) steps.push(...deletion(obsolete));
  }
  return {
    steps: inOrder(steps),
    current: unchanged,
    clash: findClash(steps, left, changes, current),
  };
}

type Write = Exclude<Change, { action: 'remove' }>;

function writing(change: Write, over: CurrentRecord | undefined): Step[] {
  const { record } = change;
  return over?.handle === undefined
    ? [{ kind: 'post', record, change }]
    : [{ kind: 'put', record, id: over.handle, change }];
}

/** A current record with the wanted data, whatever its TTL; prefers the one that is replaced. */
function findSame(left: ReadonlySet<CurrentRecord>, change: Write): CurrentRecord | undefined {
  const same = [...left].filter((one) => sameData(one, change.record));
  const handle = change.action === 'replace' ? change.replaced.handle : undefined;
  return same.find((one) => one.handle === handle) ?? same[0];
}

function takeObsolete(left: Set<CurrentRecord>, change: Write): CurrentRecord | undefined {
  if (change.action === 'create' || sameData(change.replaced, change.record)) return undefined;
  return take(left, change.replaced);
}

function inPlace({ record }: Write, obsolete: CurrentRecord | undefined): CurrentRecord | undefined {
  return obsolete?.type === record.type && obsolete.name === record.name ? obsolete : undefined;
}

/**
 * Takes a record out of `left`: with a handle only that record, if its data is unchanged; without a
 * handle any record with the same data.
 */
function take(left: Set<CurrentRecord>, wanted: CurrentRecord): CurrentRecord | undefined {
  const same = [...left].filter((record) => sameData(record, wanted));
  const found = wanted.handle === undefined ? same[0] : same.find(({ handle }) => handle === wanted.handle);
  if (found) left.delete(found);
  return found;
}

function deletion(removed: CurrentRecord | undefined): Step[] {
  return removed?.handle === undefined ? [] : [{ kind: 'delete', removed, id: removed.handle }];
}

/**
 * Orders the calls: first writes that conflict with nothing; then removals that make room, directly
 * followed by the writes that need it; then all other removals. Between such a removal and the next
 * call the name has no records, and if that call fails (429), it has none until the next attempt.
 * Linode cannot change the type of a record.
 */
function inOrder(steps: readonly Step[]): Step[] {
  const conflict = (a: Step, b: Step) =>
    a.kind === 'post' && b.kind === 'delete' && excludes(a.record, b.removed);
  const rank = (step: Step) => {
    if (step.kind === 'put') return 0;
    const conflicts = steps.some((other) => conflict(step, other) || conflict(other, step));
    if (step.kind === 'post') return conflicts ? 3 : 1;
    return conflicts ? 2 : 4;
  };
  return steps.toSorted((a, b) => rank(a) - rank(b));
}

function findClash(
  steps: readonly Step[],
  left: ReadonlySet<CurrentRecord>,
  changes: readonly Change[],
  current: readonly CurrentRecord[],
): Clash | undefined {
  const written = steps.flatMap((step) => (step.kind === 'delete' ? [] : [step]));
  const all = [...left, ...written.map(({ record }) => record)];
  for (const { kind, record } of written) {
    const conflicting = all.find((other) => other !== record && excludes(record, other));
    if (kind !== 'post' || !conflicting) continue;
    const isNew = changes.some((change) => isGone(change, record.name, current));
    return { wanted: record, current: conflicting, isNew };
  }
  return undefined;
}

/** Whether the change removes a record of the name that does not exist. */
function isGone(change: Change, name: string, current: readonly CurrentRecord[]): boolean {
  const old = removedBy(change);
  return old?.name === name && !current.some((one) => sameData(one, old));
}

/** Whether two records cannot share a name: one is a CNAME. */
function excludes(a: DnsRecord, b: DnsRecord): boolean {
  return a.name === b.name && (a.type === 'CNAME' || b.type === 'CNAME');
}
