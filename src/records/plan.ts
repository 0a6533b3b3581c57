import type { Capabilities } from '../dns/provider.ts';
import {
  type Change,
  type CurrentRecord,
  type DnsRecord,
  describeRecord,
  parseCaa,
  sameData,
} from '../dns/record.ts';
import { conflictsWithAlias } from './alias.ts';
import type { DesiredRecord } from './desired.ts';
import type { Ownership } from './ownership.ts';

/**
 * The difference between the desired and the current records, and what the operator should know.
 */
export interface Plan {
  readonly changes: readonly Change[];
  /**
   * One sentence for each CAA record that stays or is replaced by a stricter one, and for each
   * desired record that cannot be published.
   */
  readonly warnings: readonly string[];
  /**
   * The desired records that are current once the changes are applied, which excludes those yielded
   * to another container.
   */
  readonly desired: readonly DesiredRecord[];
}

/**
 * The capabilities that a plan depends on; without `cnameBesideOthers` a CNAME excludes nothing.
 */
export type PlanCapabilities = Pick<Capabilities, 'sharesTtl'> &
  Partial<Pick<Capabilities, 'cnameBesideOthers'>>;

/** The ownership of the name that a record is desired for (see ownership.ts). */
export type OwnershipOf = (record: DesiredRecord) => Ownership;

/**
 * Compares the desired with the current records of a zone and plans the difference, for all names
 * at once. Removes or replaces only current records that conflict with a desired one: other
 * addresses and CNAMEs at the name of an alias, other TXT values at the app-address name, and,
 * where a name is claimed, CAA records of the same tag and issuer. Desired records never conflict
 * with each other. All other records stay, and so do the alias and the app-address of a name that
 * is yielded. Idempotent: once a plan is applied, the next one has no changes, whatever the
 * ownerships are. Pure.
 */
export function plan(
  desired: readonly DesiredRecord[],
  current: readonly CurrentRecord[],
  { sharesTtl, cnameBesideOthers = true }: PlanCapabilities = { sharesTtl: false },
  ownershipOf: OwnershipOf = () => 'claim',
): Plan {
  const isYielded = (record: DesiredRecord) =>
    record.purpose !== 'challenge' && ownershipOf(record) === 'yield';
  const own = desired.filter((record) => record.purpose === 'caa' || !isYielded(record));
  const isExcluded = (record: DesiredRecord) =>
    !cnameBesideOthers && isYielded(record) && hasLastingCname(record.name, own, current);
  const publishable = own.filter((record) => !isExcluded(record));
  const sets = Map.groupBy(publishable, ({ purpose, name }) => `${purpose} ${name}`);
  return {
    changes: [
      ...removalsOfYielded(desired.filter(isYielded), current),
      ...[...sets.values()].flatMap((set) => changesFor(set, current, { sharesTtl, ownershipOf })),
    ],
    warnings: [
      ...caaWarnings(publishable, current, ownershipOf),
      ...own.filter(isExcluded).map(exclusionWarning),
    ],
    desired: publishable,
  };
}

/**
 * A CNAME that stays at the name of a desired record of another type, which a provider that
 * enforces RFC 1034 §3.6.2 would reject; undefined when there is none.
 */
export function blockingCname(
  desired: readonly DesiredRecord[],
  { changes }: Pick<Plan, 'changes'>,
  current: readonly CurrentRecord[],
): CurrentRecord | undefined {
  const isRemoved = (record: CurrentRecord) =>
    changes.some(
      (change) =>
        (change.action === 'remove' && change.removed === record) ||
        (change.action === 'replace' && change.replaced === record),
    );
  return current.find(
    (record) =>
      record.type === 'CNAME' &&
      !isRemoved(record) &&
      desired.some(
        ({ name, type, purpose }) => name === record.name && type !== 'CNAME' && purpose !== 'challenge',
      ),
  );
}

/**
 * Removes our app-address of a yielded name if the name has another value too, because the gateway
 * reads only one.
 */
function removalsOfYielded(yielded: readonly DesiredRecord[], current: readonly CurrentRecord[]): Change[] {
  return yielded
    .filter(({ purpose }) => purpose === 'app-address')
    .flatMap((own) => {
      const values = current.filter(({ name, type }) => name === own.name && type === own.type);
      const ours = values.filter((record) => sameData(record, own));
      const isAlone = ours.length === values.length;
      return isAlone ? [] : ours.map((removed): Change => ({ action: 'remove', removed }));
    });
}

/** Whether the name has a CNAME that is not replaced by our addresses. */
function hasLastingCname(
  name: string,
  own: readonly DesiredRecord[],
  current: readonly CurrentRecord[],
): boolean {
  const becomesAddresses = own.some(
    (record) => record.purpose === 'alias' && record.name === name && record.type !== 'CNAME',
  );
  return !becomesAddresses && current.some((record) => record.name === name && record.type === 'CNAME');
}

interface SetOptions {
  readonly sharesTtl: boolean;
  readonly ownershipOf: OwnershipOf;
}

/** The changes for the desired records of one purpose at one name, removals first. */
function changesFor(
  desired: readonly DesiredRecord[],
  current: readonly CurrentRecord[],
  { sharesTtl, ownershipOf }: SetOptions,
): Change[] {
  const set = desired.filter((one, index) => desired.findIndex((other) => sameData(one, other)) === index);
  const isSuperseded: Match = (one, record) => conflicts(record, one, ownershipOf(one));
  const isOfSet = (record: CurrentRecord) =>
    set.some((one) => sameData(one, record) || isSuperseded(one, record));
  const unpaired = new Set(current.filter(isOfSet));
  const foreign = sharesTtl ? current.filter((record) => !isOfSet(record)) : [];
  const satisfied = pair(set, unpaired, (one, record) => isSatisfied(one, record, foreign));
  const missing = set.filter((one) => !satisfied.has(one));
  // A record with the same data, or else of the same type, is replaced in place, so that the name
  // always has an answer.
  const same = pair(missing, unpaired, sameData);
  const different = missing.filter((one) => !same.has(one));
  const near = pair(
    different,
    unpaired,
    (one, record) => record.type === one.type && isSuperseded(one, record),
  );
  return [
    ...[...unpaired].map((removed): Change => ({ action: 'remove', removed })),
    ...missing.map((one): Change => {
      const record = { name: one.name, type: one.type, value: one.value, ttl: one.ttl };
      const replaced = same.get(one) ?? near.get(one);
      return replaced ? { action: 'replace', record, replaced } : { action: 'create', record };
    }),
  ];
}

type Match = (one: DesiredRecord, record: CurrentRecord) => boolean;

/**
 * Pairs each desired record with a current one that matches, and removes that one from `unpaired`.
 */
function pair(
  records: readonly DesiredRecord[],
  unpaired: Set<CurrentRecord>,
  matches: Match,
): Map<DesiredRecord, CurrentRecord> {
  const pairs = new Map<DesiredRecord, CurrentRecord>();
  for (const one of records) {
    const found = [...unpaired].find((record) => matches(one, record));
    if (!found) continue;
    unpaired.delete(found);
    pairs.set(one, found);
  }
  return pairs;
}

/** Whether a current record has to be removed for a desired one. */
function conflicts(record: CurrentRecord, desired: DesiredRecord, ownership: Ownership): boolean {
  if (record.name !== desired.name) return false;
  switch (desired.purpose) {
    case 'alias':
      return conflictsWithAlias(record.type);
    case 'app-address':
      return record.type === 'TXT';
    case 'challenge':
      return false;
    case 'caa':
      // One record that permits the account is enough (RFC 8659 §4), so containers that share the
      // name keep each other's records.
      return isOfSameIssuer(record, desired) && (ownership === 'claim' || isOfAny(record, desired.succeeds));
  }
}

/**
 * Whether a current record needs no change. If the records of a name share their TTL, `foreign` are
 * the records that stay and determine it.
 */
function isSatisfied(
  desired: DesiredRecord,
  current: CurrentRecord,
  foreign: readonly CurrentRecord[],
): boolean {
  if (!sameData(desired, current) || current.overriddenBy !== undefined) return false;
  if (desired.purpose === 'challenge') return true;
  const sharesWithForeign = foreign.some(({ name, type }) => name === current.name && type === current.type);
  return desired.ttl === current.ttl || sharesWithForeign;
}

function isOfAny({ value }: DnsRecord, accountUrls: readonly string[] = []): boolean {
  const [, ...parameters] = parseCaa(value)?.value.split(';') ?? [];
  return parameters.some((parameter) => accountUrls.some((url) => parameter.trim() === `accounturi=${url}`));
}

/**
 * Whether both are CAA records at one name, of the same tag and issuer, so that only their accounts
 * can differ.
 */
function isOfSameIssuer(a: DnsRecord, b: DnsRecord): boolean {
  return a.name === b.name && a.type === 'CAA' && b.type === 'CAA' && sameTagAndIssuer(a.value, b.value);
}

function sameTagAndIssuer(a: string, b: string): boolean {
  const left = parseCaa(a);
  const right = parseCaa(b);
  return (
    left !== undefined &&
    right !== undefined &&
    left.tag === right.tag &&
    issuerOf(left.value) === issuerOf(right.value)
  );
}

// RFC 8659 §4.2: issuer-value = [issuer-domain-name] *WSP [";" parameters]
function issuerOf(value: string): string {
  return (value.split(';')[0] ?? '').trim().toLowerCase();
}

function caaWarnings(
  desired: readonly DesiredRecord[],
  current: readonly CurrentRecord[],
  ownershipOf: OwnershipOf,
): string[] {
  const caa = desired.filter(({ purpose }) => purpose === 'caa');
  const foreign = current.filter(
    (record) =>
      record.type === 'CAA' &&
      caa.some(({ name }) => name === record.name) &&
      !caa.some((one) => sameData(one, record)),
  );
  return foreign.flatMap((record) => {
    const text = describeRecord(record);
    const sameIssuer = caa.filter((one) => isOfSameIssuer(record, one));
    const isOpen = !record.value.includes('accounturi=');
    if (!sameIssuer.some((one) => conflicts(record, one, ownershipOf(one)))) {
      const isOfOtherAccount = sameIssuer.length > 0 && !isOpen;
      return [isOfOtherAccount ? `${text} stays: ${OTHER_ACCOUNT}` : `${text} stays: ${permission(record)}`];
    }
    // Other hosts of the zone may depend on a record that is open to all accounts of the CA.
    const who = sameIssuer.length === 1 ? 'this account' : 'these accounts';
    const narrowed = `only ${who} may now issue for ${record.name} and names below it`;
    return isOpen ? [`${text} is replaced: ${narrowed}`] : [];
  });
}

const OTHER_ACCOUNT = 'another account may issue too, which a second container for this name needs';

function exclusionWarning(record: DesiredRecord): string {
  return `${describeRecord(record)} is not published: the CNAME of another container at the same name excludes other records`;
}

function permission({ name, value }: CurrentRecord): string {
  const caa = parseCaa(value);
  if (!caa) return 'its value is malformed';
  const issuer = issuerOf(caa.value);
  const verb = issuer === '' ? 'it permits no CA' : `it still permits ${issuer}`;
  switch (caa.tag) {
    case 'issue':
      return `${verb} to issue for ${name} and names below it`;
    case 'issuewild':
      return `${verb} to issue wildcards for *.${name}`;
    default:
      return 'its tag permits no CA to issue';
  }
}
