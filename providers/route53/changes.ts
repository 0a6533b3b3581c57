import {
  type Change,
  type CurrentRecord,
  type DnsRecord,
  describeRecord,
  sameData,
} from '../../src/dns/record.ts';
import { IngressError } from '../../src/errors.ts';
import { removedBy, writtenBy } from '../shared/changes.ts';
import type { ApiRecordSet } from './answers.ts';
import type { ZoneMemory } from './memory.ts';
import { fromValue, handleOf, isSimple, normalizeTtl, toCurrentRecords, toValue } from './records.ts';

/**
 * Turns a plan's changes into edits of whole RRsets. Pure.
 *
 * An edit deletes the RRset exactly as it was read and creates the new one, in one transaction.
 * Route 53 rejects a DELETE that does not match the current RRset, and a CREATE of an RRset that
 * exists: together they are a compare-and-swap, which an UPSERT is not
 * (https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html).
 */

/** The RRsets of a name and type, as far as they are known. */
export type Lookup = (name: string, type: string) => readonly ApiRecordSet[] | undefined;

/** The change to the RRsets of one name and type. */
export interface Edit {
  readonly name: string;
  readonly type: string;
  readonly removed: readonly ApiRecordSet[];
  readonly made: ApiRecordSet | undefined;
  /** The RRsets after the edit. */
  readonly after: readonly ApiRecordSet[];
}

/** The edits that a plan needs. */
export interface PlannedEdits {
  readonly edits: readonly Edit[];
  /** Created and replacing records in the order of the changes. */
  readonly records: readonly CurrentRecord[];
  /** Whether some change is done already, by what is known. Cached RRsets do not prove that. */
  readonly idle: boolean;
}

interface WantedValues {
  readonly removals: CurrentRecord[];
  readonly wanted: DnsRecord[];
}

/**
 * Plans with cached RRsets. Undefined if the zone has to be read first: because an unknown RRset
 * has to be removed, or because the cache cannot prove that a change is done already or impossible.
 * Creations need no read, because the API rejects creating an RRset that exists.
 */
export function planFromMemory(changes: readonly Change[], known: Lookup): PlannedEdits | undefined {
  if (
    changes
      .flatMap((change) => removedBy(change) ?? [])
      .some(({ name, type }) => known(name, type) === undefined)
  )
    return undefined;
  try {
    const planned = planEdits(changes, known);
    return planned.idle ? undefined : planned;
  } catch {
    return undefined;
  }
}

/**
 * Plans the edits from the known RRsets to what the changes ask for. Throws PROVIDER_REJECTED or
 * PROVIDER_CONFLICT.
 */
export function planEdits(changes: readonly Change[], known: Lookup): PlannedEdits {
  const byRrset = new Map<string, WantedValues>();
  const at = ({ name, type }: DnsRecord): WantedValues => {
    const key = handleOf(name, type);
    const found = byRrset.get(key) ?? { removals: [], wanted: [] };
    byRrset.set(key, found);
    return found;
  };
  for (const change of changes) {
    const [removal, wanted] = [removedBy(change), writtenBy(change)];
    if (removal) at(removal).removals.push(removal);
    if (wanted) at(wanted).wanted.push(wanted);
  }
  const drafts = [...byRrset.values()].map((values) => draft(values, known));
  const ttls = new Map(
    drafts.map(({ edit }) => [handleOf(edit.name, edit.type), edit.after.find(isSimple)?.TTL]),
  );
  const records = changes
    .flatMap((change) => writtenBy(change) ?? [])
    .map(({ name, type, value, ttl }) => ({
      name,
      type,
      value,
      ttl: ttls.get(handleOf(name, type)) ?? normalizeTtl(ttl),
      handle: handleOf(name, type),
    }));
  return {
    edits: drafts.map(({ edit }) => edit).filter(({ removed, made }) => removed.length > 0 || made),
    records,
    idle: drafts.some(({ idle }) => idle),
  };
}

function draft(values: WantedValues, known: Lookup): { edit: Edit; idle: boolean } {
  const { removals, wanted } = values;
  const [{ name, type } = { name: '', type: '' }] = [...removals, ...wanted];
  const sets = known(name, type) ?? [];
  const simple = sets.find(isSimple);
  const others = sets.filter((set) => set !== simple);
  const dropped = namedWhole(others, removals);
  const staying = others.filter((set) => !dropped.includes(set));
  const [blocking] = staying;
  if (blocking && wanted[0]) throw cannotJoin(wanted[0], blocking);
  const next = nextSimple(simple, values);
  const changed = !sameSet(simple, next.set);
  const removed = [...dropped, ...(changed && simple ? [simple] : [])];
  const made = changed ? next.set : undefined;
  const after = [...staying, ...(next.set ? [next.set] : [])];
  const gone = removals.some((removal) => !exists(sets, removal));
  return { edit: { name, type, removed, made, after }, idle: gone || next.idle };
}

/** The simple RRset after the changes; undefined if no value is left. */
function nextSimple(simple: ApiRecordSet | undefined, { removals, wanted }: WantedValues) {
  const [{ name, type } = { name: '', type: '' }] = [...removals, ...wanted];
  const current = (simple?.ResourceRecords ?? []).map(({ Value }) => ({
    Value,
    value: toValue(type, Value),
  }));
  const isWanted = (value: string) => wanted.some((record) => record.value === value);
  const isRemoved = (value: string) =>
    removals.some((record) => !record.overriddenBy && record.value === value);
  const kept = current.filter(({ value }) => isWanted(value) || !isRemoved(value));
  const added = wanted.filter(
    (record, index) =>
      !kept.some(({ value }) => value === record.value) &&
      wanted.findIndex((other) => other.value === record.value) === index,
  );
  const values = [...kept.map(({ Value }) => Value), ...added.map(fromValue)];
  if (type === 'CNAME' && kept[0] && values.length > 1) throw secondAlias(name, kept[0].value);
  // RFC 2181 §5.2: an RRset has one TTL. The values that no change names determine it.
  const hasOthers = kept.some(({ value }) => !isWanted(value));
  const ours = wanted.map((record) => normalizeTtl(record.ttl));
  const ttl = hasOthers || ours.length === 0 ? simple?.TTL : Math.min(...ours);
  const idle = wanted.length > added.length && ttl === simple?.TTL;
  const [first] = values;
  if (first === undefined || ttl === undefined) return { set: undefined, idle };
  const records = values.map((Value) => ({ Value }));
  const set: ApiRecordSet = {
    Name: simple?.Name ?? `${name}.`,
    Type: type,
    TTL: ttl,
    ResourceRecords: records,
  };
  return { set, idle };
}

/**
 * The RRsets of routing policies and aliases that are removed. Throws PROVIDER_REJECTED if the
 * changes name only a part of one.
 */
function namedWhole(sets: readonly ApiRecordSet[], removals: readonly CurrentRecord[]): ApiRecordSet[] {
  const left = removals.filter(({ overriddenBy }) => overriddenBy !== undefined);
  return sets.filter((set) => {
    const records = toCurrentRecords(set);
    const named = records.filter((record) => {
      const index = left.findIndex((removal) => sameRecord(record, removal));
      if (index >= 0) left.splice(index, 1);
      return index >= 0;
    });
    const [one] = named;
    if (one && named.length < records.length) throw partOfWhole(one);
    return one !== undefined;
  });
}

function sameRecord(record: CurrentRecord, removal: CurrentRecord): boolean {
  return sameData(record, removal) && (removal.handle === undefined || removal.handle === record.handle);
}

function exists(sets: readonly ApiRecordSet[], removal: CurrentRecord): boolean {
  return sets.some(
    (set) =>
      isSimple(set) === (removal.overriddenBy === undefined) &&
      toCurrentRecords(set).some((record) => sameRecord(record, removal)),
  );
}

function sameSet(a: ApiRecordSet | undefined, b: ApiRecordSet | undefined): boolean {
  const text = (set: ApiRecordSet | undefined) => set && JSON.stringify([set.TTL, set.ResourceRecords]);
  return text(a) === text(b);
}

function secondAlias(name: string, value: string): IngressError {
  return new IngressError('PROVIDER_CONFLICT', `${name} has become an alias of ${value} since it was read`, {
    details: { name, target: value },
  });
}

function cannotJoin(record: DnsRecord, set: ApiRecordSet): IngressError {
  const [current] = toCurrentRecords(set);
  const what = `${current?.overriddenBy ?? 'others'}${set.SetIdentifier === undefined ? '' : `, ${set.SetIdentifier}`}`;
  return new IngressError(
    'PROVIDER_REJECTED',
    `${describeRecord(record)} is not allowed beside the ${set.Type} records of ${record.name} that a policy answers (${what})`,
    {
      hint: `Remove them, or give them another name: Route 53 console > Hosted zones > the zone > Records > ${record.name} ${set.Type}.`,
      details: {
        reason: 'beside-policy',
        record: describeRecord(record),
        policy: current?.overriddenBy,
        ...(set.SetIdentifier === undefined ? {} : { setIdentifier: set.SetIdentifier }),
      },
    },
  );
}

function partOfWhole(record: CurrentRecord): IngressError {
  return new IngressError(
    'PROVIDER_REJECTED',
    `${describeRecord(record)} is one of several values that ${record.overriddenBy} answers together, and cannot be removed alone`,
    {
      hint: `Change it by hand: Route 53 console > Hosted zones > the zone > Records > ${record.name} ${record.type}.`,
      details: { reason: 'part-of-policy', record: describeRecord(record), policy: record.overriddenBy },
    },
  );
}

/**
 * Types that a new plan makes room for at the name of a CNAME. For any other type, planning again
 * does not help.
 */
const HOSTS = new Set(['A', 'AAAA', 'CNAME']);

/**
 * Checks with RRsets read just before that no edit puts a CNAME beside other records (RFC 1034
 * §3.6.2). Throws PROVIDER_CONFLICT if a new plan would make room, else PROVIDER_REJECTED. Pure.
 */
export function checkAliases(edits: readonly Edit[], memory: Pick<ZoneMemory, 'all'>): void {
  for (const { name, type, made } of edits) {
    if (!made) continue;
    const emptied = new Set(
      edits.filter((edit) => edit.name === name && edit.after.length === 0).map((edit) => edit.type),
    );
    const types = new Set(memory.all(name).map(({ Type }) => Type));
    const others = [...types].filter((other) => other !== type && !emptied.has(other));
    const excluded = type === 'CNAME' ? others : others.filter((other) => other === 'CNAME');
    if (excluded.length > 0) throw aliasBeside(name, type, excluded);
  }
}

/** The error for a CNAME beside other types, or another type beside a CNAME. */
function aliasBeside(name: string, type: string, others: readonly string[]): IngressError {
  const sentence = `${name} ${type} is not allowed beside the ${others.join(' and ')} records of ${name}`;
  const details = { name, type, beside: others };
  if ([type, ...others].every((one) => HOSTS.has(one)))
    return new IngressError('PROVIDER_CONFLICT', sentence, { details });
  return new IngressError('PROVIDER_REJECTED', sentence, {
    hint: 'Remove one of the two: Route 53 console > Hosted zones > the zone > Records. A CNAME allows no other record.',
    details,
  });
}
