import {
  type Change,
  type CurrentRecord,
  type DnsRecord,
  describeRecord,
  sameData,
} from '../../src/dns/record.ts';
import { IngressError } from '../../src/errors.ts';
import { namesOf, removedBy, writtenBy } from '../shared/changes.ts';
import { normalizeTtl, toData, typeNumber } from './records.ts';
import { CLASSES, encodeRecord, TYPES, type WireRecord } from './wire.ts';

/**
 * Turns a plan's changes into the prerequisites and changes of UPDATE messages (RFC 2136 §2.4,
 * §2.5). Pure.
 */

/** Prerequisites, and the changes that the server makes if they hold. */
export interface Update {
  readonly prerequisites: readonly WireRecord[];
  readonly changes: readonly WireRecord[];
}

/** The updates that a plan needs. */
export interface PlannedUpdate {
  /** One for each owner name that has to change. */
  readonly parts: readonly Update[];
  /**
   * The same in two messages that have to be sent in this order, for a server that ignores a new
   * TTL in one.
   */
  readonly apart: readonly [removals: readonly Update[], additions: readonly Update[]];
  /** The RRsets that have another TTL and are replaced. */
  readonly renewed: readonly RenewedRrset[];
  /** The created and replacing records after the update, in the order of the changes. */
  readonly made: readonly CurrentRecord[];
}

/** An RRset whose TTL changes. */
export interface RenewedRrset {
  readonly name: string;
  readonly type: string;
  /** Seconds. */
  readonly current: number;
  /** Seconds. */
  readonly wanted: number;
}

/** Octets of the largest message over TCP (RFC 1035 §4.2.2), minus header and signature. */
const MOST_OCTETS = 60_000;

/** A record of the zone as a current record. */
export function toCurrent({ record, data }: ZoneEntry): CurrentRecord {
  return { ...record, handle: handleOf(data) };
}

/**
 * Name servers have no record ids. The encoded data distinguishes records with the same text, and a
 * handle shows that the server has confirmed the record.
 */
function handleOf(data: Buffer): string {
  return data.toString('base64');
}

/**
 * Plans the update, given all current records at the changes' names. Throws if a CNAME would be
 * added beside another record, because a server silently skips that (RFC 2136 §3.4.2.2):
 * PROVIDER_CONFLICT if the zone has changed since it was read, PROVIDER_REJECTED if no other plan
 * would help.
 */
export function planUpdate(changes: readonly Change[], entries: readonly ZoneEntry[]): PlannedUpdate {
  const removed = removedOf(changes, entries);
  const wanted = changes.flatMap((change) => writtenBy(change) ?? []);
  const plans = namesOf(changes).map((name) => {
    const at = entries.filter(({ record }) => record.name === name);
    const kept = at.filter((one) => !removed.has(one));
    const goal = wanted.filter((record) => record.name === name);
    assertCompatible(kept, goal, hasChanged(changes, name, at));
    return { name, at, sets: setsOf(kept, goal), gone: at.filter((one) => removed.has(one)) };
  });
  const ttls = new Map(
    plans.flatMap(({ name, sets }) => sets.map(({ type, ttl }) => [`${name} ${type}`, ttl])),
  );
  const parts = plans.flatMap(({ name, at, sets, gone }) => {
    const leaving = [...gone, ...sets.flatMap(({ renewed }) => renewed)];
    const added = sets.flatMap((set) => set.added);
    const changed = [...leaving.map(deletion), ...added];
    return changed.length > 0 ? [{ prerequisites: prerequisitesFor(name, at, added), changes: changed }] : [];
  });
  const made = wanted.map((record) => ({
    ...record,
    ttl: ttls.get(`${record.name} ${record.type}`) ?? record.ttl,
    handle: handleOf(entries.find((one) => sameData(one.record, record))?.data ?? toData(record)),
  }));
  const renewed = plans.flatMap(({ name, sets }) =>
    sets.flatMap(({ type, ttl, renewed: [first] }) =>
      first ? [{ name, type, current: first.record.ttl, wanted: ttl }] : [],
    ),
  );
  return { parts, apart: [plans.flatMap(removals), plans.flatMap(additions)], renewed, made };
}

/** The changes at one name. */
interface NamePlan {
  readonly name: string;
  readonly at: readonly ZoneEntry[];
  readonly sets: readonly WantedRrset[];
  readonly gone: readonly ZoneEntry[];
}

/**
 * For an RRset with a new TTL, removes one record: when it is added again, the whole RRset gets its
 * TTL.
 */
function leavingAlone({ sets, gone }: NamePlan): ZoneEntry[] {
  return [...gone, ...sets.flatMap(({ renewed }) => renewed.slice(0, 1))];
}

function removals(plan: NamePlan): Update[] {
  const changes = leavingAlone(plan).map(deletion);
  return changes.length > 0 ? [{ prerequisites: [], changes }] : [];
}

function additions(plan: NamePlan): Update[] {
  const { name, at, sets } = plan;
  const leaving = leavingAlone(plan);
  const staying = at.filter((one) => !leaving.includes(one));
  const changes = sets.flatMap(({ added }) =>
    added.filter(
      ({ data, type }) =>
        !staying.some((one) => typeNumber(one.record.type) === type && one.data.equals(data)),
    ),
  );
  return changes.length > 0 ? [{ prerequisites: prerequisitesFor(name, staying, changes), changes }] : [];
}

/** The current records that the changes remove. */
function removedOf(changes: readonly Change[], entries: readonly ZoneEntry[]): ReadonlySet<ZoneEntry> {
  const removed = new Set<ZoneEntry>();
  for (const change of changes) {
    const old = removedBy(change);
    if (!old || (change.action === 'replace' && sameData(old, change.record))) continue;
    const alike = entries.filter((one) => !removed.has(one) && sameData(one.record, old));
    const found = alike.find(({ data }) => handleOf(data) === old.handle) ?? alike[0];
    if (found) removed.add(found);
  }
  return removed;
}

interface WantedRrset {
  readonly type: string;
  /** The TTL of the RRset, which has only one (RFC 2181 §5.2). */
  readonly ttl: number;
  /** Current records that are written again with another TTL. */
  readonly renewed: readonly ZoneEntry[];
  readonly added: readonly WireRecord[];
}

function setsOf(kept: readonly ZoneEntry[], goal: readonly DnsRecord[]): WantedRrset[] {
  return [...Map.groupBy(goal, ({ type }) => type)].map(([type, records]) => {
    const siblings = kept.filter(({ record }) => record.type === type);
    const others = siblings.filter(({ record }) => !records.some((one) => sameData(one, record)));
    // Adding a record sets the TTL of the whole RRset, so the records that no change names
    // determine it.
    const ttl = others[0]?.record.ttl ?? normalizeTtl(records.at(-1)?.ttl ?? 0);
    const renewed = siblings.filter((one) => others.length === 0 && one.record.ttl !== ttl);
    const unchanged = siblings.filter((one) => !renewed.includes(one));
    const missing = records.filter(
      (record, index) =>
        !unchanged.some((one) => sameData(one.record, record)) &&
        records.findIndex((one) => sameData(one, record)) === index,
    );
    const added = missing.map((record) => {
      const data = renewed.find((one) => sameData(one.record, record))?.data ?? toData(record);
      return { name: record.name, type: typeNumber(type), class: CLASSES.IN, ttl, data };
    });
    return { type, ttl, renewed, added };
  });
}

function deletion({ record: { name, type }, data }: ZoneEntry): WireRecord {
  return { name, type: typeNumber(type), class: CLASSES.NONE, ttl: 0, data };
}

const APEX_HINT = 'Choose another name: the apex of a zone cannot be an alias.';

function assertCompatible(kept: readonly ZoneEntry[], goal: readonly DnsRecord[], isChanged: boolean): void {
  const all = [...kept.map(({ record }) => record), ...goal];
  const alias = all.find(({ type }) => type === 'CNAME');
  const other = alias && all.find((record) => !sameData(record, alias));
  if (!alias || !other || goal.length === 0) return;
  const [record, beside] = [describeRecord(alias), describeRecord(other)];
  const obstacle = goal.includes(alias) ? beside : record;
  const isApex = kept.some((entry) => entry.record.type === 'SOA');
  throw new IngressError(
    isChanged && !(goal.includes(alias) && goal.includes(other)) ? 'PROVIDER_CONFLICT' : 'PROVIDER_REJECTED',
    `${record} is not allowed beside ${beside} (RFC 1034 §3.6.2)`,
    {
      ...(isChanged
        ? {}
        : { hint: isApex ? APEX_HINT : `Remove ${obstacle} if it is not needed, or choose another name.` }),
      details: { record, beside, obstacle },
    },
  );
}

/**
 * Whether a record that should be removed at the name no longer exists: the zone has changed since
 * it was read.
 */
function hasChanged(changes: readonly Change[], name: string, at: readonly ZoneEntry[]): boolean {
  return changes.some((change) => {
    const old = removedBy(change);
    return old?.name === name && !at.some(({ record }) => sameData(record, old));
  });
}

/** Packs the parts into as few updates as possible, each of which fits into one message. */
export function packUpdates(parts: readonly Update[], limit = MOST_OCTETS): Update[] {
  const packed: Update[] = [];
  let room = 0;
  for (const part of parts) {
    const size = [...part.prerequisites, ...part.changes].reduce(
      (sum, record) => sum + encodeRecord(record).length,
      0,
    );
    const last = packed.at(-1);
    if (last && size <= room) {
      packed[packed.length - 1] = {
        prerequisites: [...last.prerequisites, ...part.prerequisites],
        changes: [...last.changes, ...part.changes],
      };
    } else {
      packed.push(part);
      room = limit;
    }
    room -= size;
  }
  return packed;
}

/** Computes the prerequisites of an update (RFC 2136 §2.4). Pure. */

/**
 * A record of the zone with its data as the server stores it: TXT data can be split in many ways.
 */
export interface ZoneEntry {
  readonly record: DnsRecord;
  readonly data: Buffer;
}

/** Types that another client may add between our read and our write, and that exclude a CNAME. */
const GUARDED_TYPES = [
  'A',
  'AAAA',
  'CNAME',
  'TXT',
  'CAA',
  'MX',
  'NS',
  'SRV',
  'HTTPS',
  'SVCB',
  'PTR',
  'DNAME',
  'DS',
  'HINFO',
  'LOC',
  'NAPTR',
  'SSHFP',
  'TLSA',
  'URI',
] as const;

const NOTHING = Buffer.alloc(0);

/**
 * The prerequisites for additions at a name. Without them, the server may silently skip an
 * addition.
 */
function prerequisitesFor(
  name: string,
  at: readonly ZoneEntry[],
  added: readonly WireRecord[],
): WireRecord[] {
  if (added.length === 0) return [];
  const isAlias = added.some(({ type }) => type === TYPES.CNAME);
  if (isAlias && at.length === 0) return [absent(name, TYPES.ANY)];
  const guarded = isAlias ? at : at.filter(({ record }) => record.type === 'CNAME');
  const excluded = (isAlias ? GUARDED_TYPES : (['CNAME'] as const)).filter(
    (type) => !at.some(({ record }) => record.type === type),
  );
  return [...guarded.map(present), ...excluded.map((type) => absent(name, TYPES[type]))];
}

/** "RRset exists", with exactly these records together (RFC 2136 §2.4.2). */
function present({ record: { name, type }, data }: ZoneEntry): WireRecord {
  return { name, type: typeNumber(type), class: CLASSES.IN, ttl: 0, data };
}

/** "RRset does not exist", or with ANY "name is not in use" (RFC 2136 §2.4.3, §2.4.5). */
function absent(name: string, type: number): WireRecord {
  return { name, type, class: CLASSES.NONE, ttl: 0, data: NOTHING };
}
