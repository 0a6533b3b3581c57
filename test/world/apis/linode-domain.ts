import type { ZoneRecord } from '../dns/publisher.ts';
import { type Fields, readFields, type StoredRecord, toZoneRecord } from './linode-record.ts';
import { refusals } from './linode-refusal.ts';

export interface DomainOptions {
  readonly type?: 'master' | 'slave';
  readonly status?: 'active' | 'disabled' | 'edit_mode' | 'has_errors';
  /** Seconds; 0 stands for Linode's default of one day. */
  readonly ttlSec?: number;
  readonly id?: number;
}

/** https://techdocs.akamai.com/linode-api/reference/post-domain-record */
const MOST_RECORDS = 12_000;
const DEFAULT_TTL = 86_400;
const EPOCH = '2026-01-02T03:04:05';

let lastId = 1_000_000;
const nextId = () => {
  lastId += 1;
  return lastId;
};

/**
 * One domain's records and the rules for changing them. Every method that throws Refusal leaves the
 * domain unchanged.
 */
export class StoredDomain {
  readonly id: number;
  readonly name: string;
  readonly type: NonNullable<DomainOptions['type']>;
  status: NonNullable<DomainOptions['status']>;
  ttlSec: number;
  readonly #records = new Map<number, StoredRecord>();

  constructor(
    name: string,
    { type = 'master', status = 'active', ttlSec = 0, id = nextId() }: DomainOptions,
  ) {
    this.id = id;
    this.name = name;
    this.type = type;
    this.status = status;
    this.ttlSec = ttlSec;
  }

  records(): StoredRecord[] {
    return [...this.#records.values()];
  }

  get(id: number): StoredRecord {
    const record = this.#records.get(id);
    if (!record) throw refusals.notFound();
    return record;
  }

  /** Adds a record without validation, such as one that has been in the account for years. */
  plant(fields: Partial<Fields> & Pick<Fields, 'type' | 'name' | 'target'>): StoredRecord {
    const empty = { priority: 0, weight: 0, port: 0, service: null, protocol: null, ttl_sec: 0, tag: null };
    return this.#store({ id: nextId(), ...empty, ...fields, created: EPOCH, updated: EPOCH });
  }

  /**
   * An identical record is stored a second time
   * (github.com/kubernetes-sigs/external-dns/issues/3045).
   */
  post(body: unknown): StoredRecord {
    if (this.#records.size >= MOST_RECORDS) throw refusals.full();
    const fields = readFields(body, this.name);
    this.#checkAlone(fields);
    return this.#store({ id: nextId(), ...fields, created: EPOCH, updated: EPOCH });
  }

  put(id: number, body: unknown): StoredRecord {
    const before = this.get(id);
    const fields = readFields(body, this.name, before);
    this.#checkAlone(fields, id);
    return this.#store({ ...before, ...fields });
  }

  delete(id: number): void {
    this.get(id);
    this.#records.delete(id);
  }

  /** What the name servers serve; nothing for a disabled domain. */
  rendered(): ZoneRecord[] {
    if (this.status !== 'active' || this.type !== 'master') return [];
    const defaultTtl = this.ttlSec === 0 ? DEFAULT_TTL : this.ttlSec;
    return this.records().map((record) => toZoneRecord(record, this.name, defaultTtl));
  }

  #checkAlone({ type, name }: Fields, own?: number): void {
    const siblings = this.records().filter(
      (other) => other.id !== own && other.name.toLowerCase() === name.toLowerCase(),
    );
    const conflict =
      type === 'CNAME' ? siblings.length > 0 : siblings.some((other) => other.type === 'CNAME');
    // The apex has the SOA and NS records, which the API does not list.
    if (conflict || (type === 'CNAME' && name === '')) throw refusals.alias();
  }

  #store(record: StoredRecord): StoredRecord {
    this.#records.set(record.id, record);
    return record;
  }
}
