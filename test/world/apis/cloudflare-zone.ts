import { randomBytes } from 'node:crypto';
import { asObject, type Fields, readFields, type StoredRecord, settleContent } from './cloudflare-record.ts';
import { invalid, refusals } from './cloudflare-refusal.ts';

export type ZoneStatus = 'initializing' | 'pending' | 'active' | 'moved';

const BATCH_LIMIT = 200;
const HOSTS = new Set(['A', 'AAAA', 'CNAME']);

export function newId(): string {
  return randomBytes(16).toString('hex');
}

/**
 * One zone's records and the rules for changing them. Every method that throws Refusal leaves the
 * zone unchanged.
 */
export class StoredZone {
  readonly id: string;
  readonly name: string;
  readonly status: ZoneStatus;
  #records = new Map<string, StoredRecord>();

  constructor(name: string, status: ZoneStatus, id = newId()) {
    this.id = id;
    this.name = name;
    this.status = status;
  }

  records(): StoredRecord[] {
    return [...this.#records.values()];
  }

  get(id: string): StoredRecord {
    const record = this.#records.get(id);
    if (!record) throw refusals.noSuchRecord();
    return record;
  }

  /** Adds a record without validation, such as one that has been in the account for years. */
  plant(fields: Partial<StoredRecord> & Pick<StoredRecord, 'name' | 'type' | 'content'>): StoredRecord {
    const record = { ...complete({ ttl: 1, proxied: false, comment: null, ...fields }), ...fields };
    this.#records.set(record.id, record);
    return record;
  }

  post(body: unknown): StoredRecord {
    return this.#store(complete(readFields(body, this.name)));
  }

  put(id: string, body: unknown): StoredRecord {
    const { created_on } = this.get(id);
    return this.#store({ ...complete(readFields(body, this.name)), id, created_on });
  }

  patch(id: string, body: unknown): StoredRecord {
    const before = this.get(id);
    const fields = readFields({ ...before, ...asObject(body) }, this.name);
    const { created_on, tags, settings } = before;
    return this.#store({ ...complete({ tags, settings, ...fields }), id, created_on });
  }

  delete(id: string): StoredRecord {
    const record = this.get(id);
    this.#records.delete(id);
    return record;
  }

  /** Runs deletes, patches, puts and posts in that order: all or none. */
  batch(body: unknown): Record<string, StoredRecord[]> {
    const { deletes, patches, puts, posts } = readBatch(body);
    const before = new Map(this.#records);
    try {
      const done = {
        deletes: deletes.map((item) => this.delete(idOf(item))),
        patches: patches.map((item) => this.patch(idOf(item), item)),
        puts: puts.map((item) => this.put(idOf(item), item)),
        posts: posts.map((item) => this.post(item)),
      };
      return Object.fromEntries(Object.entries(done).filter(([, list]) => list.length > 0));
    } catch (thrown) {
      this.#records = before;
      throw thrown;
    }
  }

  // The response to a write repeats the content as sent; later reads return it normalized.
  #store(record: StoredRecord): StoredRecord {
    const settled = { ...record, content: settleContent(record) };
    const siblings = this.records().filter((other) => other.name === record.name && other.id !== record.id);
    for (const sibling of siblings) checkBeside(settled, sibling);
    this.#records.set(record.id, settled);
    return record;
  }
}

function readBatch(body: unknown): Record<'deletes' | 'patches' | 'puts' | 'posts', unknown[]> {
  const fields = asObject(body);
  const list = (key: string): unknown[] => {
    const value = fields[key] ?? [];
    if (!Array.isArray(value)) throw refusals.body();
    return value;
  };
  const lists = {
    deletes: list('deletes'),
    patches: list('patches'),
    puts: list('puts'),
    posts: list('posts'),
  };
  const size = Object.values(lists).flat().length;
  if (size > BATCH_LIMIT) throw invalid(`A batch holds at most ${BATCH_LIMIT} operations.`);
  return lists;
}

function idOf(item: unknown): string {
  const { id } = asObject(item);
  if (typeof id !== 'string') throw refusals.body();
  return id;
}

function checkBeside(record: StoredRecord, sibling: StoredRecord): void {
  const sameContent = record.content === sibling.content && record.priority === sibling.priority;
  if (record.type === sibling.type && sameContent) throw refusals.identical();
  if (record.type === 'CNAME' && HOSTS.has(sibling.type)) throw refusals.hostTaken();
  if (HOSTS.has(record.type) && sibling.type === 'CNAME') throw refusals.aliasTaken();
}

function complete(fields: Fields): StoredRecord {
  const now = new Date().toISOString();
  return {
    tags: [],
    settings: {},
    ...fields,
    id: newId(),
    proxiable: HOSTS.has(fields.type),
    created_on: now,
    modified_on: now,
  };
}
