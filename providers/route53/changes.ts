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
 * A plan's changes as edits of whole RRsets. Pure.
 *
 * An edit deletes the RRset exactly as it was seen and creates the new one, both in one transaction. A DELETE that does not
 * match what stands is refused, and so is a CREATE where something stands: together they compare and swap, which UPSERT
 * would not (https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html).
 */

/** The RRsets of a name and type, as far as they are known. */
export type Lookup = (name: string, type: string) => readonly ApiRecordSet[] | undefined;

/** What becomes of the RRsets of one name and type. */
export interface Edit {
  readonly name: string;
  readonly type: string;
  readonly removed: readonly ApiRecordSet[];
  readonly made: ApiRecordSet | undefined;
  /** What stands there afterwards. */
  readonly after: readonly ApiRecordSet[];
}

export interface PlannedEdits {
  readonly edits: readonly Edit[];
  /** Created and replacing records in the order of the changes. */
  readonly records: readonly CurrentRecord[];
  /** Whether some change has nothing to do. What is only remembered does not prove that. */
  readonly idle: boolean;
}

interface WantedValues {
  readonly removals: CurrentRecord[];
  readonly wanted: DnsRecord[];
}

/**
 * The edits by what is only remembered, or undefined when the zone has to be read first: to repeat what is removed, or since
 * memory has no right to say that something is done already or impossible. What is only created needs no look, because the
 * API refuses to create what stands.
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

/** The edits that lead from what is known to what the changes ask for. Throws PROVIDER_REJECTED or PROVIDER_CONFLICT. */
export function planEdits(changes: readonly Change[], known: Lookup): PlannedEdits {
  const wishes = new Map<string, WantedValues>();
  const at = ({ name, type }: DnsRecord): WantedValues => {
    const key = handleOf(name, type);
    const found = wishes.get(key) ?? { removals: [], wanted: [] };
    wishes.set(key, found);
    return found;
  };
  for (const change of changes) {
    const [removal, wanted] = [removedBy(change), writtenBy(change)];
    if (removal) at(removal).removals.push(removal);
    if (wanted) at(wanted).wanted.push(wanted);
  }
  const drafts = [...wishes.values()].map((wish) => draft(wish, known));
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

function draft(wishes: WantedValues, known: Lookup): { edit: Edit; idle: boolean } {
  const { removals, wanted } = wishes;
  const [{ name, type } = { name: '', type: '' }] = [...removals, ...wanted];
  const sets = known(name, type) ?? [];
  const simple = sets.find(isSimple);
  const others = sets.filter((set) => set !== simple);
  const dropped = namedWhole(others, removals);
  const staying = others.filter((set) => !dropped.includes(set));
  const [blocking] = staying;
  if (blocking && wanted[0]) throw cannotJoin(wanted[0], blocking);
  const next = nextSimple(simple, wishes);
  const changed = !sameSet(simple, next.set);
  const removed = [...dropped, ...(changed && simple ? [simple] : [])];
  const made = changed ? next.set : undefined;
  const after = [...staying, ...(next.set ? [next.set] : [])];
  const gone = removals.some((removal) => !standsIn(sets, removal));
  return { edit: { name, type, removed, made, after }, idle: gone || next.idle };
}

/** The plain RRset as it should be; undefined when no value is left. */
function nextSimple(simple: ApiRecordSet | undefined, { removals, wanted }: WantedValues) {
  const [{ name, type } = { name: '', type: '' }] = [...removals, ...wanted];
  const standing = (simple?.ResourceRecords ?? []).map(({ Value }) => ({
    Value,
    value: toValue(type, Value),
  }));
  const isWanted = (value: string) => wanted.some((record) => record.value === value);
  const isRemoved = (value: string) =>
    removals.some((record) => !record.overriddenBy && record.value === value);
  const kept = standing.filter(({ value }) => isWanted(value) || !isRemoved(value));
  const added = wanted.filter(
    (record, index) =>
      !kept.some(({ value }) => value === record.value) &&
      wanted.findIndex((other) => other.value === record.value) === index,
  );
  const values = [...kept.map(({ Value }) => Value), ...added.map(fromValue)];
  if (type === 'CNAME' && kept[0] && values.length > 1) throw secondAlias(name, kept[0].value);
  // RFC 2181 §5.2: one TTL for the whole RRset, and it is that of the values that no change names.
  const strangers = kept.some(({ value }) => !isWanted(value));
  const ours = wanted.map((record) => normalizeTtl(record.ttl));
  const ttl = strangers || ours.length === 0 ? simple?.TTL : Math.min(...ours);
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

/** The RRsets of routing policies and aliases that are removed. Throws when only a part of one is named. */
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

function standsIn(sets: readonly ApiRecordSet[], removal: CurrentRecord): boolean {
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
  return new IngressError('PROVIDER_CONFLICT', `${name} has become an alias of ${value} since it was read`);
}

function cannotJoin(record: DnsRecord, set: ApiRecordSet): IngressError {
  const [standing] = toCurrentRecords(set);
  const what = `${standing?.overriddenBy ?? 'others'}${set.SetIdentifier === undefined ? '' : `, ${set.SetIdentifier}`}`;
  return new IngressError(
    'PROVIDER_REJECTED',
    `${describeRecord(record)} is not allowed beside the ${set.Type} records of ${record.name} that a policy answers (${what})`,
    {
      hint: `Remove them, or give them another name: Route 53 console > Hosted zones > the zone > Records > ${record.name} ${set.Type}.`,
    },
  );
}

function partOfWhole(record: CurrentRecord): IngressError {
  return new IngressError(
    'PROVIDER_REJECTED',
    `${describeRecord(record)} is one of several values that ${record.overriddenBy} answers together, and cannot be removed alone`,
    {
      hint: `Change it by hand: Route 53 console > Hosted zones > the zone > Records > ${record.name} ${record.type}.`,
    },
  );
}

/** What a plan gives way at the name of an alias; whatever else stands there, planning again does not help. */
const HOSTS = new Set(['A', 'AAAA', 'CNAME']);

/**
 * Sees to it that no edit would put a CNAME beside other records (RFC 1034 §3.6.2), by what was read just before. Throws
 * PROVIDER_CONFLICT where a new plan would make room, PROVIDER_REJECTED where it would not. Pure.
 */
export function checkAliases(edits: readonly Edit[], memory: Pick<ZoneMemory, 'all'>): void {
  for (const { name, type, made } of edits) {
    if (!made) continue;
    const emptied = new Set(
      edits.filter((edit) => edit.name === name && edit.after.length === 0).map((edit) => edit.type),
    );
    const types = new Set(memory.all(name).map(({ Type }) => Type));
    const others = [...types].filter((other) => other !== type && !emptied.has(other));
    const rivals = type === 'CNAME' ? others : others.filter((other) => other === 'CNAME');
    if (rivals.length > 0) throw rivalry(name, type, rivals);
  }
}

function rivalry(name: string, type: string, rivals: readonly string[]): IngressError {
  const sentence = `${name} ${type} is not allowed beside the ${rivals.join(' and ')} records of ${name}`;
  if ([type, ...rivals].every((one) => HOSTS.has(one)))
    return new IngressError('PROVIDER_CONFLICT', sentence);
  return new IngressError('PROVIDER_REJECTED', sentence, {
    hint: 'Remove one of the two: Route 53 console > Hosted zones > the zone > Records. A CNAME allows no other record.',
  });
}
