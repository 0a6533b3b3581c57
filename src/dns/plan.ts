import { givesWayToAlias } from './alias.ts';
import type { DesiredRecord } from './desired.ts';
import type { Capabilities } from './provider.ts';
import {
  type Change,
  type DnsRecord,
  describeRecord,
  type LiveRecord,
  parseCaa,
  sameData,
} from './record.ts';

/** What has to change so that the desired records stand, and what a person should know about it. */
export interface Plan {
  readonly changes: readonly Change[];
  /** One sentence for each record that stays and weakens what was asked for. */
  readonly warnings: readonly string[];
}

/**
 * Compares what is desired with what stands and plans the difference. Only records that a desired one cannot stand
 * beside give way: other addresses and aliases at the alias' name, other TXT values at the app-address name, and CAA
 * records of the same tag and issuer. Everything else is left alone. Planning what was applied plans nothing.
 */
export function plan(
  desired: readonly DesiredRecord[],
  live: readonly LiveRecord[],
  { sharesTtl }: Pick<Capabilities, 'sharesTtl'> = { sharesTtl: false },
): Plan {
  const sets = Map.groupBy(desired, ({ purpose, name }) => `${purpose} ${name}`);
  return {
    changes: [...sets.values()].flatMap((set) => changesFor(set, live, sharesTtl)),
    warnings: desired.flatMap((record) => warningsFor(record, live)),
  };
}

/**
 * A CNAME that stays at the name of a desired record of another type, so that nothing can stand there where the
 * provider heeds RFC 1034 §3.6.2; undefined when there is none.
 */
export function aliasInTheWay(
  desired: readonly DesiredRecord[],
  { changes }: Pick<Plan, 'changes'>,
  live: readonly LiveRecord[],
): LiveRecord | undefined {
  const goes = (record: LiveRecord) =>
    changes.some(
      (change) =>
        (change.action === 'remove' && change.removed === record) ||
        (change.action === 'replace' && change.replaced === record),
    );
  return live.find(
    (record) =>
      record.type === 'CNAME' &&
      !goes(record) &&
      desired.some(({ name, type }) => name === record.name && type !== 'CNAME'),
  );
}

/** The changes for the desired records of one purpose at one name, removals first. */
function changesFor(
  set: readonly DesiredRecord[],
  live: readonly LiveRecord[],
  sharesTtl: boolean,
): Change[] {
  const rivals = new Set(live.filter((record) => set.some((desired) => givesWay(record, desired))));
  const take = (fits: (record: LiveRecord) => boolean): LiveRecord | undefined => {
    const found = [...rivals].find(fits);
    if (found) rivals.delete(found);
    return found;
  };
  const missing = set.filter(
    (desired) => !take((record) => isSatisfied(desired, record, sharesTtl ? live : [])),
  );
  // The nearest thing to what is wanted is replaced, so that there is no moment without an answer.
  const nearest = [sameData, (desired: DnsRecord, record: DnsRecord) => record.type === desired.type];
  const replaced = new Map<DesiredRecord, LiveRecord>();
  for (const isNear of nearest) {
    for (const desired of missing.filter((one) => !replaced.has(one))) {
      const found = take((record) => isNear(desired, record));
      if (found) replaced.set(desired, found);
    }
  }
  return [
    ...[...rivals].map((removed): Change => ({ action: 'remove', removed })),
    ...missing.map((desired): Change => {
      const { purpose: _, ...record } = desired;
      const old = replaced.get(desired);
      return old ? { action: 'replace', record, replaced: old } : { action: 'create', record };
    }),
  ];
}

function givesWay(record: LiveRecord, desired: DesiredRecord): boolean {
  if (record.name !== desired.name) return false;
  switch (desired.purpose) {
    case 'alias':
      return givesWayToAlias(record.type);
    case 'app-address':
      return record.type === 'TXT';
    case 'caa':
      return record.type === 'CAA' && sameTagAndIssuer(record.value, desired.value);
  }
}

/** `neighbours` are those whose TTL is the record's own: with one that stays, the TTL is not ours to choose. */
function isSatisfied(desired: DesiredRecord, live: LiveRecord, neighbours: readonly LiveRecord[]): boolean {
  if (!sameData(desired, live) || live.overriddenBy !== undefined) return false;
  const isStranger = (record: LiveRecord) =>
    record.name === live.name && record.type === live.type && !givesWay(record, desired);
  return desired.ttl === live.ttl || neighbours.some(isStranger);
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

function warningsFor(desired: DesiredRecord, live: readonly LiveRecord[]): string[] {
  if (desired.purpose !== 'caa') return [];
  const caa = live.filter(({ type, name }) => type === 'CAA' && name === desired.name);
  const staying = caa.filter((record) => !givesWay(record, desired));
  // What was open to all accounts of the CA may be what other hosts of the zone renew by.
  const opened = caa.filter((record) => givesWay(record, desired) && !record.value.includes('accounturi='));
  const narrowed = `from now on only this account may issue for ${desired.name} and what is below it`;
  return [
    ...staying.map((record) => `${describeRecord(record)} stays: ${permission(record)}`),
    ...opened.map((record) => `${describeRecord(record)} is replaced: ${narrowed}`),
  ];
}

function permission({ name, value }: LiveRecord): string {
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
