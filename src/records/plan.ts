import type { Capabilities } from '../dns/provider.ts';
import {
  type Change,
  type CurrentRecord,
  type DnsRecord,
  describeRecord,
  parseCaa,
  sameData,
} from '../dns/record.ts';
import { givesWayToAlias } from './alias.ts';
import type { DesiredRecord } from './desired.ts';
import type { Ownership } from './ownership.ts';

/** What has to change so that the desired records stand, and what a person should know about it. */
export interface Plan {
  readonly changes: readonly Change[];
  /** One sentence for each record that stays and weakens what was asked for. */
  readonly warnings: readonly string[];
  /**
   * What stands once the changes are made: the desired records without those that are left to
   * another container.
   */
  readonly desired: readonly DesiredRecord[];
}

/**
 * What of a provider a plan has to fit; without `cnameBesideOthers` nothing is known to be in the
 * way.
 */
export type PlanCapabilities = Pick<Capabilities, 'sharesTtl'> &
  Partial<Pick<Capabilities, 'cnameBesideOthers'>>;

/** What a record's name is to us (see claim.ts). */
export type OwnershipOf = (record: DesiredRecord) => Ownership;

/**
 * Compares what is desired with what stands and plans the difference, for all names of a zone at
 * once. Only records that a desired one cannot stand beside give way: other addresses and aliases
 * at the alias' name, other TXT values at the app-address name, and, where a name is taken, CAA
 * records of the same tag and issuer. No desired record gives way to another one. Everything else
 * is left alone, and so are the alias and the app-address of a name that is yielded. Planning what
 * was applied plans nothing, whatever the ownerships are.
 */
export function plan(
  desired: readonly DesiredRecord[],
  live: readonly CurrentRecord[],
  { sharesTtl, cnameBesideOthers = true }: PlanCapabilities = { sharesTtl: false },
  ownershipOf: OwnershipOf = () => 'claim',
): Plan {
  const isYielded = (record: DesiredRecord) =>
    record.purpose !== 'challenge' && ownershipOf(record) === 'yield';
  const ours = desired.filter((record) => record.purpose === 'caa' || !isYielded(record));
  const isShutOut = (record: DesiredRecord) =>
    !cnameBesideOthers && isYielded(record) && staysAlias(record.name, ours, live);
  const upheld = ours.filter((record) => !isShutOut(record));
  const sets = Map.groupBy(upheld, ({ purpose, name }) => `${purpose} ${name}`);
  return {
    changes: [
      ...withdrawals(desired.filter(isYielded), live),
      ...[...sets.values()].flatMap((set) => changesFor(set, live, { sharesTtl, ownershipOf })),
    ],
    warnings: [...caaWarnings(upheld, live, ownershipOf), ...ours.filter(isShutOut).map(shutOut)],
    desired: upheld,
  };
}

/**
 * A CNAME that stays at the name of a desired record of another type, so that nothing can stand
 * there where the provider heeds RFC 1034 §3.6.2; undefined when there is none.
 */
export function aliasInTheWay(
  desired: readonly DesiredRecord[],
  { changes }: Pick<Plan, 'changes'>,
  live: readonly CurrentRecord[],
): CurrentRecord | undefined {
  const goes = (record: CurrentRecord) =>
    changes.some(
      (change) =>
        (change.action === 'remove' && change.removed === record) ||
        (change.action === 'replace' && change.replaced === record),
    );
  return live.find(
    (record) =>
      record.type === 'CNAME' &&
      !goes(record) &&
      desired.some(
        ({ name, type, purpose }) => name === record.name && type !== 'CNAME' && purpose !== 'challenge',
      ),
  );
}

/**
 * Of a name that is yielded our value goes where another one stands beside it: the gateway reads
 * one of them only.
 */
function withdrawals(yielded: readonly DesiredRecord[], live: readonly CurrentRecord[]): Change[] {
  return yielded
    .filter(({ purpose }) => purpose === 'app-address')
    .flatMap((own) => {
      const values = live.filter(({ name, type }) => name === own.name && type === own.type);
      const ours = values.filter((record) => sameData(record, own));
      const isAlone = ours.length === values.length;
      return isAlone ? [] : ours.map((removed): Change => ({ action: 'remove', removed }));
    });
}

/** Whether a CNAME stands at the name and does not give way to addresses of ours. */
function staysAlias(name: string, ours: readonly DesiredRecord[], live: readonly CurrentRecord[]): boolean {
  const becomesAddresses = ours.some(
    (record) => record.purpose === 'alias' && record.name === name && record.type !== 'CNAME',
  );
  return !becomesAddresses && live.some((record) => record.name === name && record.type === 'CNAME');
}

interface Fit {
  readonly sharesTtl: boolean;
  readonly ownershipOf: OwnershipOf;
}

/** The changes for the desired records of one purpose at one name, removals first. */
function changesFor(
  desired: readonly DesiredRecord[],
  live: readonly CurrentRecord[],
  { sharesTtl, ownershipOf }: Fit,
): Change[] {
  const set = desired.filter((one, index) => desired.findIndex((other) => sameData(one, other)) === index);
  const yields: Fits = (one, record) => givesWay(record, one, ownershipOf(one));
  const isRival = (record: CurrentRecord) => set.some((one) => sameData(one, record) || yields(one, record));
  const rivals = new Set(live.filter(isRival));
  const strangers = sharesTtl ? live.filter((record) => !isRival(record)) : [];
  const standing = pair(set, rivals, (one, record) => isSatisfied(one, record, strangers));
  const missing = set.filter((one) => !standing.has(one));
  // The nearest thing to what is wanted is replaced, so that there is no moment without an answer.
  const same = pair(missing, rivals, sameData);
  const different = missing.filter((one) => !same.has(one));
  const near = pair(different, rivals, (one, record) => record.type === one.type && yields(one, record));
  return [
    ...[...rivals].map((removed): Change => ({ action: 'remove', removed })),
    ...missing.map((one): Change => {
      const record = { name: one.name, type: one.type, value: one.value, ttl: one.ttl };
      const replaced = same.get(one) ?? near.get(one);
      return replaced ? { action: 'replace', record, replaced } : { action: 'create', record };
    }),
  ];
}

type Fits = (one: DesiredRecord, record: CurrentRecord) => boolean;

/** Finds for each record one of the rivals that fits it, and takes that one out of them. */
function pair(
  records: readonly DesiredRecord[],
  rivals: Set<CurrentRecord>,
  fits: Fits,
): Map<DesiredRecord, CurrentRecord> {
  const pairs = new Map<DesiredRecord, CurrentRecord>();
  for (const one of records) {
    const found = [...rivals].find((record) => fits(one, record));
    if (!found) continue;
    rivals.delete(found);
    pairs.set(one, found);
  }
  return pairs;
}

function givesWay(record: CurrentRecord, desired: DesiredRecord, ownership: Ownership): boolean {
  if (record.name !== desired.name) return false;
  switch (desired.purpose) {
    case 'alias':
      return givesWayToAlias(record.type);
    case 'app-address':
      return record.type === 'TXT';
    case 'challenge':
      return false;
    case 'caa':
      // Any record that permits is enough (RFC 8659 §4), so that containers need not fight over
      // this one.
      return isOfSameIssuer(record, desired) && (ownership === 'claim' || isOfAny(record, desired.succeeds));
  }
}

/**
 * `strangers` are records that stay and are not ours: where they share the TTL, it is not ours to
 * choose.
 */
function isSatisfied(
  desired: DesiredRecord,
  live: CurrentRecord,
  strangers: readonly CurrentRecord[],
): boolean {
  if (!sameData(desired, live) || live.overriddenBy !== undefined) return false;
  if (desired.purpose === 'challenge') return true;
  const sharesWithStranger = strangers.some(({ name, type }) => name === live.name && type === live.type);
  return desired.ttl === live.ttl || sharesWithStranger;
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
  upheld: readonly DesiredRecord[],
  live: readonly CurrentRecord[],
  ownershipOf: OwnershipOf,
): string[] {
  const caa = upheld.filter(({ purpose }) => purpose === 'caa');
  const foreign = live.filter(
    (record) =>
      record.type === 'CAA' &&
      caa.some(({ name }) => name === record.name) &&
      !caa.some((one) => sameData(one, record)),
  );
  return foreign.flatMap((record) => {
    const text = describeRecord(record);
    const fellows = caa.filter((one) => isOfSameIssuer(record, one));
    const isOpen = !record.value.includes('accounturi=');
    if (!fellows.some((one) => givesWay(record, one, ownershipOf(one)))) {
      const beside = fellows.length > 0 && !isOpen;
      return [beside ? `${text} stays beside ours: ${BESIDE}` : `${text} stays: ${permission(record)}`];
    }
    // What was open to all accounts of the CA may be what other hosts of the zone renew by.
    const who = fellows.length === 1 ? 'this account' : 'these accounts';
    const narrowed = `from now on only ${who} may issue for ${record.name} and what is below it`;
    return isOpen ? [`${text} is replaced: ${narrowed}`] : [];
  });
}

const BESIDE = 'another account may issue too, as a second container with the name needs it';

function shutOut(record: DesiredRecord): string {
  return `${describeRecord(record)} is left out: the alias of another container stands at the name, and nothing can stand beside it`;
}

function permission({ name, value }: CurrentRecord): string {
  const caa = parseCaa(value);
  if (!caa) return 'what it permits is not understood';
  const issuer = issuerOf(caa.value);
  const who = issuer === '' ? 'nobody' : issuer;
  switch (caa.tag) {
    case 'issue':
      return `it still permits ${who} to issue for ${name} and what is below it`;
    case 'issuewild':
      return `it still permits ${who} to issue wildcards for *.${name}`;
    default:
      return 'it permits no certificate by itself';
  }
}
