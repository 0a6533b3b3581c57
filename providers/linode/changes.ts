import { type Change, type CurrentRecord, type DnsRecord, sameData } from '../../src/dns/record.ts';
import { removedBy } from '../shared/changes.ts';
import { normalizeTtl } from './records.ts';

/**
 * A plan's changes as single calls, since the API has neither batches nor transactions. Pure.
 */

/** One call that writes. */
export type Step =
  | { readonly kind: 'delete'; readonly removed: CurrentRecord; readonly id: string }
  | { readonly kind: 'put'; readonly record: DnsRecord; readonly id: string; readonly change: Change }
  | { readonly kind: 'post'; readonly record: DnsRecord; readonly change: Change };

export interface Schedule {
  /** In the order in which they are carried out. */
  readonly steps: readonly Step[];
  /** The records that make a change unnecessary. */
  readonly current: ReadonlyMap<Change, CurrentRecord>;
  /** What would stand where Linode serves only one of the two (RFC 1034 §3.6.2). */
  readonly clash: Clash | undefined;
}

export interface Clash {
  readonly wanted: DnsRecord;
  readonly current: DnsRecord;
  /** Whether what was to be removed at that name is not there: the zone changed since it was read. */
  readonly isNew: boolean;
}

/**
 * The calls that are still needed when `live` is what stands at the changes' names. What was removed by hand, or made by an
 * earlier attempt, is not done again: Linode would store the same record twice. A record that somebody changed since is
 * not ours to remove, whatever its id.
 */
export function schedule(changes: readonly Change[], live: readonly CurrentRecord[]): Schedule {
  const left = new Set(live);
  const steps: Step[] = [];
  const standing = new Map<Change, CurrentRecord>();
  for (const change of changes) {
    if (change.action === 'remove') steps.push(...deletion(take(left, change.removed)));
  }
  for (const change of changes) {
    if (change.action === 'remove') continue;
    const obsolete = takeObsolete(left, change);
    const same = findSame(left, change);
    if (same?.ttl === normalizeTtl(change.record.ttl)) standing.set(change, same);
    else steps.push(...writing(change, same ?? inPlace(change, obsolete)));
    if (same || !inPlace(change, obsolete)) steps.push(...deletion(obsolete));
  }
  return { steps: inOrder(steps), current: standing, clash: findClash(steps, left, changes, live) };
}

type Write = Exclude<Change, { action: 'remove' }>;

function writing(change: Write, over: CurrentRecord | undefined): Step[] {
  const { record } = change;
  return over?.handle === undefined
    ? [{ kind: 'post', record, change }]
    : [{ kind: 'put', record, id: over.handle, change }];
}

/** The record that says already what is wanted, perhaps with another TTL; the replaced one before others. */
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

/** With an id the very record, if it still says the same; without one any that says it. */
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
 * Everything that can be written beside what stands comes first; then the removals that make room, and at once what they
 * make room for; all other removals last. What remains: between such a removal and the next call the name has no answer,
 * and where that call is refused (429), it has none until the next attempt. Linode cannot change a record's type in place.
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
  live: readonly CurrentRecord[],
): Clash | undefined {
  const written = steps.flatMap((step) => (step.kind === 'delete' ? [] : [step]));
  const all = [...left, ...written.map(({ record }) => record)];
  for (const { kind, record } of written) {
    const standing = all.find((other) => other !== record && excludes(record, other));
    if (kind !== 'post' || !standing) continue;
    const isNew = changes.some((change) => isGone(change, record.name, live));
    return { wanted: record, current: standing, isNew };
  }
  return undefined;
}

/** Whether the change takes something away at the name that does not stand there. */
function isGone(change: Change, name: string, live: readonly CurrentRecord[]): boolean {
  const old = removedBy(change);
  return old?.name === name && !live.some((one) => sameData(one, old));
}

/** Whether two records cannot stand at one name: one is a CNAME. */
function excludes(a: DnsRecord, b: DnsRecord): boolean {
  return a.name === b.name && (a.type === 'CNAME' || b.type === 'CNAME');
}
