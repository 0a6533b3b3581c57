import type { RecordBatchParams } from 'cloudflare/resources/dns/records';
import { type Change, type CurrentRecord, type DnsRecord, sameData } from '../../src/dns/record.ts';
import { removedBy } from '../shared/changes.ts';
import type { ApiBatch } from './answers.ts';
import { normalizeTtl, toBody, toCurrent } from './records.ts';

/**
 * Turns a plan's changes into operations of Cloudflare's batch endpoint
 * (https://developers.cloudflare.com/dns/manage-dns-records/how-to/batch-record-changes/). Pure.
 */

/** Maximum number of operations in a batch for a zone on the free plan. */
const BATCH_LIMIT = 200;

/**
 * The operations of one change. Several can be set: to change a type, a record is deleted and
 * created again.
 */
export interface Step {
  readonly change: Change;
  readonly delete?: string;
  readonly put?: { readonly id: string; readonly record: DnsRecord };
  readonly post?: DnsRecord;
  /** The record that makes the change unnecessary. */
  readonly current?: CurrentRecord;
}

/** The request body of a batch. */
export type BatchBody = Omit<RecordBatchParams, 'zone_id'>;

/**
 * The steps without reading the zone. Undefined if a record has no handle and has to be looked up
 * first.
 */
export function stepsByHandle(changes: readonly Change[]): Step[] | undefined {
  const known = changes.every(
    (change) => change.action === 'create' || removedBy(change)?.handle !== undefined,
  );
  return known ? changes.map((change) => step(change, removedBy(change)?.handle)) : undefined;
}

/**
 * The steps that are still needed, given the current records at the changes' names. Skips what was
 * removed by hand or made by an earlier attempt; does not remove a record that another client has
 * changed.
 */
export function stepsAgainst(changes: readonly Change[], current: readonly CurrentRecord[]): Step[] {
  const left = [...current];
  const take = (wanted: CurrentRecord): string | undefined => {
    const index = left.findIndex((record) => sameData(record, wanted));
    return index < 0 ? undefined : left.splice(index, 1)[0]?.handle;
  };
  const steps = new Map<Change, Step>();
  // A batch deletes before it writes, so a record that is removed cannot satisfy a wanted one.
  for (const change of changes)
    if (change.action === 'remove') steps.set(change, step(change, take(change.removed)));
  for (const change of changes) {
    if (change.action !== 'remove') steps.set(change, stepTowards(change, left, take));
  }
  return changes.map((change) => steps.get(change) ?? { change });
}

function stepTowards(
  change: Exclude<Change, { action: 'remove' }>,
  left: readonly CurrentRecord[],
  take: (wanted: CurrentRecord) => string | undefined,
): Step {
  const current = left.find((record) => sameData(record, change.record));
  const replaced =
    change.action === 'replace' && !sameData(change.replaced, change.record) ? change.replaced : undefined;
  const obsolete = replaced && take(replaced);
  if (!current) return step(change, obsolete);
  const removal = obsolete === undefined ? {} : { delete: obsolete };
  const asWanted = current.ttl === normalizeTtl(change.record.ttl) && current.overriddenBy === undefined;
  if (asWanted || current.handle === undefined) return { change, current, ...removal };
  return { change, put: { id: current.handle, record: change.record }, ...removal };
}

function step(change: Change, handle: string | undefined): Step {
  if (change.action === 'remove') return handle === undefined ? { change } : { change, delete: handle };
  if (change.action === 'create' || handle === undefined) return { change, post: change.record };
  const { record, replaced } = change;
  const inPlace = record.type === replaced.type && record.name === replaced.name;
  return inPlace ? { change, put: { id: handle, record } } : { change, delete: handle, post: record };
}

/**
 * Groups the steps into batches. Removals come first, because later groups may need their place.
 */
export function groupSteps(steps: readonly Step[], limit = BATCH_LIMIT): Step[][] {
  const order = (one: Step) => (one.change.action === 'remove' ? 0 : one.change.action === 'replace' ? 1 : 2);
  const groups: Step[][] = [];
  let room = 0;
  for (const one of steps.filter((each) => weight(each) > 0).toSorted((a, b) => order(a) - order(b))) {
    if (weight(one) > room) {
      groups.push([]);
      room = limit;
    }
    groups.at(-1)?.push(one);
    room -= weight(one);
  }
  return groups;
}

function weight({ delete: removal, put, post }: Step): number {
  return [removal, put, post].filter((part) => part !== undefined).length;
}

/** The request body for a group of steps. */
export function toBatch(steps: readonly Step[]): BatchBody {
  const deletes = steps.flatMap((one) => (one.delete === undefined ? [] : [{ id: one.delete }]));
  const puts = steps.flatMap(({ put }) => (put ? [{ id: put.id, ...toBody(put.record) }] : []));
  const posts = steps.flatMap(({ post }) => (post ? [toBody(post)] : []));
  return {
    ...(deletes.length > 0 ? { deletes } : {}),
    ...(puts.length > 0 ? { puts } : {}),
    ...(posts.length > 0 ? { posts } : {}),
  };
}

/**
 * The record that each step of a batch wrote, by the order of the response's lists. Undefined if
 * the response does not match the request.
 */
export function matchAnswer(
  steps: readonly Step[],
  { puts, posts }: ApiBatch,
): Map<Change, CurrentRecord> | undefined {
  const putting = steps.filter(({ put }) => put);
  const posting = steps.filter(({ post }) => post);
  if (putting.length !== puts.length || posting.length !== posts.length) return undefined;
  const made = [...puts, ...posts].map(toCurrent);
  return new Map(
    [...putting, ...posting].flatMap(({ change }, index) => (made[index] ? [[change, made[index]]] : [])),
  );
}
