import type { Capabilities, DnsProvider, Zone } from '../../../src/dns/provider.ts';
import {
  type Change,
  type CurrentRecord,
  type DnsRecord,
  describeRecord,
  sameData,
} from '../../../src/dns/record.ts';
import { IngressError } from '../../../src/errors.ts';

type Verb = 'zone' | 'records' | 'apply';

export interface MemoryProviderOptions {
  readonly name?: string;
  /** Apexes; the id of each is `zone-` and its name. Default `example.com`. */
  readonly zones?: readonly string[];
  /** Whether the credentials may read the names of zones. */
  readonly tellsZoneNames?: boolean;
  readonly capabilities?: Partial<Capabilities>;
}

/** A provider in memory that rejects what the contract forbids. */
export interface MemoryProvider extends DnsProvider {
  /** The current records, as `name TYPE value`, sorted. */
  readonly current: readonly string[];
  /** The calls in their order. */
  readonly calls: readonly Verb[];
  /** The changes of each apply, as `create name TYPE value`, including those of one that failed. */
  readonly applied: readonly (readonly string[])[];
  /** Adds a record as another client would. */
  plant(record: DnsRecord): void;
  /** Removes a zone from the account. */
  dropZone(name: string): void;
  /** Runs before each call; its errors are thrown by the call. */
  before: (verb: Verb, changes: readonly Change[]) => void | Promise<void>;
  /** The next apply makes this many changes and then fails. */
  breakAfter(changes: number, error: IngressError): void;
}

const TTL = 60;

export function createMemoryProvider({
  name = 'memory',
  zones = ['example.com'],
  tellsZoneNames = true,
  capabilities = {},
}: MemoryProviderOptions = {}): MemoryProvider {
  const held = new Set(zones);
  let records: Required<Pick<CurrentRecord, 'handle' | keyof DnsRecord>>[] = [];
  let handles = 0;
  let broken: { after: number; error: IngressError } | undefined;
  const calls: Verb[] = [];
  const applied: string[][] = [];

  const begin = async (verb: Verb, signal: AbortSignal, changes: readonly Change[] = []) => {
    signal.throwIfAborted();
    calls.push(verb);
    if (verb === 'apply') applied.push(changes.map(brief));
    await provider.before(verb, changes);
    signal.throwIfAborted();
  };
  const apexOf = ({ id }: Zone): string => {
    const apex = [...held].find((one) => idOf(one) === id);
    if (apex === undefined) throw new IngressError('ZONE_NOT_FOUND', `the account has no zone ${id}`);
    return apex;
  };
  const place = ({ name: owner, type, value, ttl }: DnsRecord, apex: string): CurrentRecord => {
    const record = { name: owner, type, value, ttl };
    assertCanonical(record, apex, provider.capabilities);
    const same = records.find((one) => sameData(one, record));
    if (same) return same;
    const alone = records.filter((one) => one.name === owner);
    const clash = alone.find((one) => one.type === 'CNAME' || (type === 'CNAME' && alone.length > 0));
    if (clash && !provider.capabilities.cnameBesideOthers) {
      throw new IngressError(
        'PROVIDER_REJECTED',
        `${describeRecord(record)} beside ${describeRecord(clash)}`,
      );
    }
    handles += 1;
    const made = { ...record, handle: `r${handles}` };
    records.push(made);
    return made;
  };
  const find = (wanted: CurrentRecord) => {
    if (wanted.handle === undefined) return records.find((one) => sameData(one, wanted));
    const found = records.find((one) => one.handle === wanted.handle);
    // The id now belongs to another record, which no change names.
    if (found && !sameData(found, wanted)) {
      throw new IngressError('PROVIDER_CONFLICT', `${wanted.handle} is ${describeRecord(found)} now`);
    }
    return found;
  };
  const take = (wanted: CurrentRecord) => {
    const found = find(wanted);
    records = records.filter((one) => one !== found);
    return found !== undefined;
  };
  const make = (change: Change, apex: string): CurrentRecord[] => {
    if (change.action === 'remove') {
      take(change.removed);
      return [];
    }
    if (change.action === 'replace' && !take(change.replaced)) {
      throw new IngressError('PROVIDER_CONFLICT', `${describeRecord(change.replaced)} no longer exists`);
    }
    return [place(change.record, apex)];
  };

  const provider: MemoryProvider = {
    name,
    calls,
    applied,
    capabilities: {
      normalizeTtl: (seconds) => seconds,
      cnameBesideOthers: true,
      flattensApexCname: false,
      servesUnderscoreTargets: true,
      sharesTtl: false,
      rewritesZone: false,
      propagationSeconds: 60,
      ...capabilities,
    },
    get current() {
      return records.map(describeRecord).sort();
    },
    before: () => undefined,
    plant: (record) => void place(record, [...held].find((apex) => lies(record.name, apex)) ?? ''),
    dropZone: (apex) => void held.delete(apex),
    breakAfter: (after, error) => {
      broken = { after, error };
    },
    async zone(fqdn, signal) {
      await begin('zone', signal);
      const [apex] = [...held].filter((one) => lies(fqdn, one)).sort((one, two) => two.length - one.length);
      if (apex === undefined)
        throw new IngressError('ZONE_NOT_FOUND', `no zone of the account holds ${fqdn}`);
      return { id: idOf(apex), name: tellsZoneNames ? apex : undefined };
    },
    async records(zone, names, signal) {
      await begin('records', signal);
      apexOf(zone);
      return records.filter((record) => names.includes(record.name)).map((record) => ({ ...record }));
    },
    async apply(zone, changes, signal) {
      if (changes.length === 0) throw new Error('apply without changes is a wasted call');
      await begin('apply', signal, changes);
      const apex = apexOf(zone);
      const limit = broken;
      broken = undefined;
      const made = changes.slice(0, limit?.after).flatMap((change) => make(change, apex));
      if (limit) throw limit.error;
      return made;
    },
    check: async (signal) => signal.throwIfAborted(),
  };
  return provider;
}

/** A TXT record with the TTL that this program uses. */
export const txtRecord = (name: string, value: string): DnsRecord => ({ name, type: 'TXT', value, ttl: TTL });

const idOf = (apex: string) => `zone-${apex}`;
const lies = (name: string, apex: string) => name === apex || name.endsWith(`.${apex}`);

function brief(change: Change): string {
  return `${change.action} ${describeRecord(change.action === 'remove' ? change.removed : change.record)}`;
}

function assertCanonical(record: DnsRecord, apex: string, { normalizeTtl }: Capabilities): void {
  const { name, type, value, ttl } = record;
  if (apex === '' || !lies(name, apex)) throw new IngressError('ZONE_MISMATCH', `${name} is not in ${apex}`);
  const isName = (text: string) => text === text.toLowerCase() && !text.endsWith('.');
  const fits = isName(name) && type === type.toUpperCase() && (type !== 'CNAME' || isName(value));
  if (!fits || value === '' || ttl !== normalizeTtl(ttl)) {
    throw new IngressError('PROVIDER_REJECTED', `${describeRecord(record)} (${ttl} s) is not canonical`);
  }
}
