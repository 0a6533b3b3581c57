import {
  type Step as CloudflareStep,
  stepsAgainst,
  stepsByHandle,
} from '../../providers/cloudflare/changes.ts';
import { schedule } from '../../providers/linode/changes.ts';
import type { ApiRecordSet } from '../../providers/route53/answers.ts';
import { groupEdits, toApiChanges } from '../../providers/route53/batches.ts';
import { type PlannedEdits, planEdits, planFromMemory } from '../../providers/route53/changes.ts';
import { ZoneMemory } from '../../providers/route53/memory.ts';
import { fromValue, toCurrentRecords } from '../../providers/route53/records.ts';
import type { Capabilities, DnsProvider } from '../../src/dns/provider.ts';
import { type Change, type CurrentRecord, type DnsRecord, sameData } from '../../src/dns/record.ts';
import { IngressError, isIngressError } from '../../src/errors.ts';
import { applyChange } from '../harness/dns/apply-changes.ts';

/** The contents of the one zone. */
export interface OneZone {
  records: readonly Stored[];
  /** How many records were ever created for each name and type; numbers their handles. */
  created: Readonly<Record<string, number>>;
}

type Stored = DnsRecord & { readonly handle: string };

/** Makes an API call as one step of the calling container. */
export type Call = <T>(what: string, act: () => T) => Promise<T>;

/** The kinds of API, by what one call reads or writes and by its preconditions. */
export const kinds = {
  /**
   * Records by their ids, all changes in one transaction (Cloudflare). The content behind an id is
   * not checked.
   */
  ids: { open: openIds, cnameBesideOthers: true, sharesTtl: false, rewritesZone: false },
  /** Records by their ids, one call each (Linode). */
  calls: { open: openCalls, cnameBesideOthers: false, sharesTtl: false, rewritesZone: false },
  /** Whole RRsets, which must be unchanged since they were read (Route 53). */
  sets: { open: openSets, cnameBesideOthers: false, sharesTtl: true, rewritesZone: false },
  /** Single values; CNAMEs must be unchanged since they were read (RFC 2136). */
  values: { open: openValues, cnameBesideOthers: false, sharesTtl: true, rewritesZone: false },
  /** The whole zone as read just before; concurrent writes of others are lost (Namecheap). */
  zone: { open: openWhole, cnameBesideOthers: false, sharesTtl: false, rewritesZone: true },
} as const;

export type Kind = keyof typeof kinds;

/** The zone as one container sees it, through an API of that kind. */
export function openProvider(kind: Kind, zone: OneZone, call: Call): DnsProvider {
  const { open, cnameBesideOthers, sharesTtl, rewritesZone } = kinds[kind];
  const capabilities: Capabilities = {
    normalizeTtl: (seconds) => seconds,
    ...{ cnameBesideOthers, sharesTtl, rewritesZone },
    ...{ flattensApexCname: false, servesUnderscoreTargets: true, propagationSeconds: 60 },
  };
  return {
    name: kind,
    capabilities,
    zone: async () => ({ id: 'zone', name: 'example.com' }),
    check: async () => undefined,
    ...open(zone, call, capabilities),
  };
}

type Methods = Pick<DnsProvider, 'records' | 'apply'>;

function openIds(zone: OneZone, call: Call, capabilities: Capabilities): Methods {
  const read = (names: readonly string[]) => call('read', () => at(zone, names));
  const batch = (steps: readonly CloudflareStep[]) =>
    call('batch', () => runBatch(zone, steps, capabilities));
  return {
    records: (_, names) => read(names),
    async apply(_, changes) {
      const replan = async () => stepsAgainst(changes, await read(namesOf(changes)));
      try {
        await batch(stepsByHandle(changes) ?? (await replan()));
      } catch (thrown) {
        if (!isStale(thrown)) throw thrown;
        await batch(await replan());
      }
      return recordsOf(zone, wantedOf(changes));
    },
  };
}

/** Deletes, overwrites and creates; atomic. */
function runBatch(zone: OneZone, steps: readonly CloudflareStep[], capabilities: Capabilities): void {
  const draft = { ...zone };
  for (const { delete: id } of steps) if (id !== undefined && !drop(draft, id)) throw stale();
  for (const { put } of steps) if (put) overwrite(draft, put.id, put.record);
  for (const { post } of steps) if (post) add(draft, post, capabilities);
  if (hasDuplicates(draft)) throw stale();
  Object.assign(zone, draft);
}

function openCalls(zone: OneZone, call: Call, capabilities: Capabilities): Methods {
  const read = (names: readonly string[]) => call('read', () => at(zone, names));
  return {
    records: (_, names) => read(names),
    async apply(_, changes) {
      const planned = schedule(changes, await read(namesOf(changes)));
      if (planned.clash) throw conflict('clash');
      for (const step of planned.steps) {
        await call(step.kind, () => {
          if (step.kind === 'delete') drop(zone, step.id);
          else if (step.kind === 'post') add(zone, step.record, capabilities);
          else overwrite(zone, step.id, step.record);
        });
      }
      return recordsOf(zone, wantedOf(changes));
    },
  };
}

function openSets(zone: OneZone, call: Call, capabilities: Capabilities): Methods {
  const memory = new ZoneMemory();
  const read = (names: readonly string[]) =>
    call('read', () => {
      const sets = setsOf(at(zone, names));
      memory.read(names, sets);
      return sets.flatMap(toCurrentRecords);
    });
  const write = (changes: readonly Change[], planned: PlannedEdits) =>
    call('batch', () => {
      try {
        swapSets(zone, planned, capabilities);
      } catch (thrown) {
        memory.forget(namesOf(changes));
        throw thrown;
      }
      for (const { name, type, after } of planned.edits) memory.wrote(name, type, after);
      return [...planned.records];
    });
  const known = memory.get.bind(memory);
  return {
    records: (_, names) => read(names),
    async apply(_, changes) {
      const replan = async () => {
        await read(namesOf(changes));
        return planEdits(changes, known);
      };
      try {
        return await write(changes, planFromMemory(changes, known) ?? (await replan()));
      } catch (thrown) {
        if (!isStale(thrown)) throw thrown;
        return await write(changes, await replan());
      }
    },
  };
}

/** Deletes RRsets that match exactly, and creates RRsets that do not exist yet; atomic. */
function swapSets(zone: OneZone, { edits }: PlannedEdits, capabilities: Capabilities): void {
  const draft = { ...zone };
  for (const { Action, ResourceRecordSet: set } of groupEdits(edits).flatMap(toApiChanges)) {
    const records = toCurrentRecords(set);
    const names = records.map(({ name }) => name);
    const existing = at(draft, names).filter(({ type }) => type === set.Type);
    if (!sameSet(existing, Action === 'CREATE' ? [] : records)) throw stale();
    if (Action === 'DELETE') draft.records = draft.records.filter((one) => !existing.includes(one));
    else for (const record of records) add(draft, record, capabilities);
  }
  Object.assign(zone, draft);
}

function openValues(zone: OneZone, call: Call, capabilities: Capabilities): Methods {
  const read = (names: readonly string[]) => call('read', () => at(zone, names));
  return {
    records: (_, names) => read(names),
    async apply(_, changes) {
      const before = await read(namesOf(changes));
      return call('update', () => {
        const draft = { ...zone };
        const aliases = (records: readonly CurrentRecord[]) => records.filter(({ type }) => type === 'CNAME');
        if (!sameSet(aliases(at(zone, namesOf(changes))), aliases(before))) throw conflict('prerequisite');
        for (const change of changes) if (change.action !== 'create') dropData(draft, gone(change));
        for (const record of wantedOf(changes)) {
          dropData(draft, record);
          add(draft, record, capabilities);
        }
        Object.assign(zone, draft);
        return recordsOf(zone, wantedOf(changes));
      });
    },
  };
}

function openWhole(zone: OneZone, call: Call): Methods {
  const read = (what: string) => call(what, () => zone.records);
  return {
    records: async (_, names) => (await read('read')).filter(({ name }) => names.includes(name)),
    async apply(_, changes) {
      const before = await read('read the whole zone');
      const whole = changes.reduce<readonly CurrentRecord[]>((records, change) => {
        const done = applyChange(records, change);
        return (
          done ??
          applyChange(records, { action: 'create', record: wantedOf([change])[0] as DnsRecord }) ??
          records
        ); // A replacement has a record.
      }, before);
      if (sameSet(whole, before)) return recordsOf(zone, wantedOf(changes));
      await call('write the whole zone', () => {
        zone.records = whole.map(({ name, type, value, ttl }) => ({ name, type, value, ttl, handle: value }));
      });
      const after = await read('verify');
      const lacks = (record: DnsRecord) => !after.some((one) => sameData(one, record));
      const lost = whole.filter((one) => lacks(one) && !wantedOf(changes).some((own) => sameData(own, one)));
      if (lost.some(({ name }) => !name.startsWith('_acme-challenge')))
        throw new IngressError('ZONE_DAMAGED', 'another client has written');
      const undone = changes.some((change) => change.action !== 'create' && !lacks(gone(change)));
      if (undone || wantedOf(changes).some(lacks)) throw conflict('undone');
      return recordsOf(zone, wantedOf(changes));
    },
  };
}

const stale = () => conflict('stale');
const isStale = (thrown: unknown) =>
  isIngressError(thrown, 'PROVIDER_CONFLICT') && thrown.message === 'stale';

function conflict(sentence: string): IngressError {
  return new IngressError('PROVIDER_CONFLICT', sentence);
}

function at({ records }: OneZone, names: readonly string[]): Stored[] {
  return records.filter(({ name }) => names.includes(name));
}

function stored(zone: OneZone, { name, type, value, ttl }: DnsRecord): Stored {
  const kind = `${name} ${type}`;
  const number = (zone.created[kind] ?? 0) + 1;
  zone.created = { ...zone.created, [kind]: number };
  return { name, type, value, ttl, handle: `${kind} ${number}` };
}

/** Enforces RFC 1034 §3.6.2, with Cloudflare's exceptions; never two CNAMEs at a name. */
function add(zone: OneZone, record: DnsRecord, { cnameBesideOthers }: Capabilities): void {
  const excludes = (a: DnsRecord, b: DnsRecord) =>
    a.type === 'CNAME' && (!cnameBesideOthers || /^(?:A|AAAA|CNAME)$/.test(b.type));
  const others = zone.records.filter(({ name }) => name === record.name);
  if (others.some((other) => excludes(other, record) || excludes(record, other))) throw conflict('CNAME');
  zone.records = [...zone.records, stored(zone, record)];
}

/** Overwrites the record with this id, whatever its content has become. */
function overwrite(zone: OneZone, handle: string, { name, type, value, ttl }: DnsRecord): void {
  if (!zone.records.some((one) => one.handle === handle)) throw stale();
  zone.records = zone.records.map((one) =>
    one.handle === handle ? { name, type, value, ttl, handle } : one,
  );
}

function hasDuplicates({ records }: OneZone): boolean {
  return records.some((one, index) => records.findIndex((other) => sameData(one, other)) < index);
}

function drop(zone: OneZone, handle: string): boolean {
  const { length } = zone.records;
  zone.records = zone.records.filter((one) => one.handle !== handle);
  return zone.records.length < length;
}

function dropData(zone: OneZone, record: DnsRecord): void {
  zone.records = zone.records.filter((one) => !sameData(one, record));
}

function gone(change: Exclude<Change, { action: 'create' }>): CurrentRecord {
  return change.action === 'remove' ? change.removed : change.replaced;
}

function wantedOf(changes: readonly Change[]): DnsRecord[] {
  return changes.flatMap((change) => (change.action === 'remove' ? [] : [change.record]));
}

function namesOf(changes: readonly Change[]): string[] {
  const all = changes.flatMap((change) =>
    change.action === 'create' ? [change.record] : [gone(change), ...wantedOf([change])],
  );
  return [...new Set(all.map(({ name }) => name))];
}

function recordsOf(zone: OneZone, records: readonly DnsRecord[]): CurrentRecord[] {
  return records.map((record) => zone.records.find((one) => sameData(one, record)) ?? record);
}

function sameSet(a: readonly DnsRecord[], b: readonly DnsRecord[]): boolean {
  const text = (records: readonly DnsRecord[]) =>
    records
      .map(({ name, type, value, ttl }) => `${name} ${type} ${value} ${ttl}`)
      .sort()
      .join('\n');
  return text(a) === text(b);
}

function setsOf(records: readonly DnsRecord[]): ApiRecordSet[] {
  return [...Map.groupBy(records, ({ name, type }) => `${name} ${type}`).values()].flatMap((set) => {
    const [first] = set;
    if (!first) return [];
    const ResourceRecords = set.map((record) => ({ Value: fromValue(record) }));
    return [{ Name: `${first.name}.`, Type: first.type, TTL: first.ttl, ResourceRecords }];
  });
}
