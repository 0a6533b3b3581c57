import { isDeepStrictEqual } from 'node:util';
import { type StoredSet, unescapeName } from './route53-record-set.ts';
import { invalidBatch } from './route53-refusal.ts';

export interface ZoneChange {
  readonly action: 'CREATE' | 'DELETE' | 'UPSERT';
  readonly set: StoredSet;
}

// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html
const MOST_RECORDS = 1000;
const MOST_CHARACTERS = 32_000;

/** One hosted zone's RRsets and the rules for changing them. */
export class StoredZone {
  readonly id: string;
  /** Without a final dot. */
  readonly name: string;
  readonly isPrivate: boolean;
  #sets = new Map<string, StoredSet>();

  constructor(id: string, name: string, isPrivate: boolean) {
    this.id = id;
    this.name = name;
    this.isPrivate = isPrivate;
    const servers = [1, 2, 3, 4].map((index) => `ns-${index}.awsdns-0${index}.example.`);
    const soa = `${servers[0]} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400`;
    this.plant({ Name: `${name}.`, Type: 'NS', TTL: 172_800, values: servers, others: {} });
    this.plant({ Name: `${name}.`, Type: 'SOA', TTL: 900, values: [soa], others: {} });
  }

  /** In the API's order: by labels from last to first, then by type and identifier. */
  sets(): StoredSet[] {
    return [...this.#sets.values()].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
  }

  /** Adds an RRset without validation. */
  plant(set: StoredSet): void {
    this.#sets.set(keyOf(set), set);
  }

  /** Makes all changes in order, or none. Throws Refusal. */
  change(changes: readonly ZoneChange[]): void {
    checkSize(changes);
    const before = new Map(this.#sets);
    const faults = changes.flatMap((change) => this.#make(change) ?? []);
    if (faults.length === 0) return;
    this.#sets = before;
    throw invalidBatch(...faults);
  }

  /** Makes one change, or returns what is wrong with it. */
  #make({ action, set }: ZoneChange): string | undefined {
    const current = this.#sets.get(keyOf(set));
    const what = `resource record set [name='${set.Name}', type='${set.Type}'${set.others['SetIdentifier'] === undefined ? '' : `, set identifier='${set.others['SetIdentifier']}'`}]`;
    if (action === 'DELETE') {
      if (!current) return `Tried to delete ${what} but it was not found`;
      if (!same(current, set)) {
        return `Tried to delete ${what} but the values provided do not match the current values`;
      }
      const fault = this.#ofZone(set);
      if (!fault) this.#sets.delete(keyOf(set));
      return fault;
    }
    if (action === 'CREATE' && current) return `Tried to create ${what} but it already exists`;
    const fault = this.#besides(set);
    if (!fault) this.plant(set);
    return fault;
  }

  #ofZone({ Name, Type }: StoredSet): string | undefined {
    if (Type === 'SOA') return 'A HostedZone must contain exactly one SOA record.';
    const isApex = Name === `${this.name}.`;
    return Type === 'NS' && isApex
      ? 'A HostedZone must contain at least one NS record for the zone itself.'
      : undefined;
  }

  #besides(set: StoredSet): string | undefined {
    const { Name, Type, others } = set;
    const inZone = Name === `${this.name}.` || Name.endsWith(`.${this.name}.`);
    if (!inZone) return `RRSet with DNS name ${Name} is not permitted in zone ${this.name}.`;
    if (Type === 'CNAME' && Name === `${this.name}.`) {
      return `RRSet of type CNAME with DNS name ${Name} is not permitted at apex in zone ${this.name}.`;
    }
    const siblings = [...this.#sets.values()].filter(
      (other) => other.Name === Name && keyOf(other) !== keyOf(set),
    );
    const otherTypes = siblings.filter((other) => other.Type !== Type);
    if (Type === 'CNAME' && otherTypes.length > 0) {
      return `RRSet of type CNAME with DNS name ${Name} is not permitted as it conflicts with other records with the same DNS name in zone ${this.name}.`;
    }
    if (otherTypes.some((other) => other.Type === 'CNAME')) {
      return `RRSet of type ${Type} with DNS name ${Name} is not permitted because a conflicting RRSet of type  CNAME with the same DNS name already exists in zone ${this.name}.`;
    }
    const policy = (one: StoredSet) =>
      Object.keys(one.others)
        .filter((key) => /^(Weight|Region|Failover|GeoLocation|MultiValueAnswer)$/.test(key))
        .join();
    const mixed = siblings.some((other) => other.Type === Type && policy(other) !== policy(set));
    return mixed
      ? `RRSet with DNS name ${Name}, type ${Type}, SetIdentifier ${others['SetIdentifier'] ?? 'null'} cannot be created as other RRSets exist with the same name and type.`
      : undefined;
  }
}

function checkSize(changes: readonly ZoneChange[]): void {
  const weight = ({ action }: ZoneChange) => (action === 'UPSERT' ? 2 : 1);
  const sum = (size: (set: StoredSet) => number) =>
    changes.reduce((total, change) => total + weight(change) * size(change.set), 0);
  if (sum(({ values }) => values.length) > MOST_RECORDS) {
    throw invalidBatch(`Number of records limit of ${MOST_RECORDS} exceeded.`);
  }
  if (sum(({ values }) => values.join('').length) > MOST_CHARACTERS) {
    throw invalidBatch(`Number of characters limit of ${MOST_CHARACTERS} exceeded.`);
  }
}

function keyOf({ Name, Type, others }: StoredSet): string {
  return `${Name} ${Type} ${others['SetIdentifier'] ?? ''}`;
}

/** The API's sort key: a dot after each label. */
export function labelsReversed(name: string): string {
  return `${unescapeName(name).replace(/\.$/, '').split('.').reverse().join('.')}.`;
}

function sortKey({ Name, Type, others }: StoredSet): string {
  return `${labelsReversed(Name)} ${Type} ${others['SetIdentifier'] ?? ''}`;
}

// Values may be in any order; everything else has to equal what was created.
function same(a: StoredSet, b: StoredSet): boolean {
  const form = ({ TTL, values, others }: StoredSet) => ({
    TTL,
    values: values.toSorted(),
    others: { ...others },
  });
  return isDeepStrictEqual(form(a), form(b));
}
