import { type Change, type CurrentRecord, type DnsRecord, sameData } from '../../src/dns/record.ts';
import { conflict, redirected, type Verdict } from './errors.ts';
import { describeHost, type Host, type HostZone, isMade } from './hosts.ts';
import { hostKey, normalizeTtl, toCurrent, toHost } from './records.ts';

/**
 * Applies a plan's changes to a copy of the whole zone, because setHosts only takes whole zones.
 * Pure.
 */

/** The zone with the changes applied. */
export interface Changed {
  /** The new zone. Hosts that no change names are the same objects as before. */
  readonly hosts: readonly Host[];
  /**
   * The hosts that the changes ask for, in the order of the changes: created, replacing, or current
   * already.
   */
  readonly wanted: readonly Host[];
  readonly removed: readonly Host[];
  /** Whether a write is needed. */
  readonly differs: boolean;
}

const LEADING = new Set(['A', 'AAAA', 'CNAME']);
/** Types that resolve to addresses: those of Namecheap's redirect server, or of another name. */
const REDIRECTING = new Set(['URL', 'URL301', 'FRAME', 'ALIAS']);

interface Entry {
  readonly host: Host;
  readonly current: CurrentRecord;
}

/**
 * Applies the changes. Throws PROVIDER_CONFLICT if a CNAME would share its name, PROVIDER_REJECTED
 * if the name has a redirect, and what `toHost` throws.
 */
export function changeHosts(hosts: readonly Host[], changes: readonly Change[], domain: string): Changed {
  let entries: Entry[] = hosts.map((host) => ({ host, current: toCurrent(host, domain) }));
  // A host that is removed cannot satisfy a wanted record, so removals come first.
  for (const change of changes) {
    if (change.action === 'remove') entries = withoutOne(entries, change.removed);
  }
  const wanted: Host[] = [];
  const added = new Set<Host>();
  for (const change of changes) {
    if (change.action === 'remove') continue;
    const place = placeOf(change, entries);
    const entry = entryFor(change.record, entries[place.index], domain);
    entries = place.put(entry);
    wanted.push(entry.host);
    if (place.index < 0) added.add(entry.host);
  }
  requireCompatible(entries, added);
  const changed = entries.map(({ host }) => host);
  const kept = new Set(changed.map(hostKey));
  return {
    hosts: changed,
    wanted,
    removed: hosts.filter((host) => !kept.has(hostKey(host))),
    differs: !sameKeys(hosts, changed),
  };
}

/** The same record may exist twice; a removal takes one of them: by handle, else by TTL. */
function withoutOne(entries: readonly Entry[], removed: CurrentRecord): Entry[] {
  const same = entries.filter(({ current }) => sameData(current, removed));
  const match =
    same.find(({ current }) => current.handle !== undefined && current.handle === removed.handle) ??
    same.find(({ current }) => current.ttl === removed.ttl) ??
    same[0];
  return entries.filter((entry) => entry !== match);
}

/**
 * The index of a wanted record (-1 if it does not exist), and a function that puts it in place of
 * what it replaces.
 */
function placeOf(change: Exclude<Change, { action: 'remove' }>, entries: readonly Entry[]) {
  const { record } = change;
  const replaced =
    change.action === 'replace' && !sameData(change.replaced, record) ? change.replaced : undefined;
  const isOld = ({ current }: Entry) => replaced !== undefined && sameData(current, replaced);
  const index = entries.findIndex(({ current }) => sameData(current, record));
  const at = index >= 0 ? index : entries.findIndex(isOld);
  const put = (entry: Entry): Entry[] => {
    const placed = at < 0 ? [...entries, entry] : entries.with(at, entry);
    return placed.filter((one) => one === entry || !isOld(one));
  };
  return { index, put };
}

function entryFor(record: DnsRecord, existing: Entry | undefined, domain: string): Entry {
  const ttl = normalizeTtl(record.ttl);
  if (existing && existing.current.ttl === ttl) return existing;
  const host = existing ? { ...existing.host, ttl: String(ttl) } : toHost(record, domain);
  return { host, current: toCurrent(host, domain) };
}

/**
 * Refuses a new record beside a CNAME (RFC 1034 §3.6.2) or beside a redirect, because Namecheap
 * would serve both. Combinations that exist already stay.
 */
function requireCompatible(entries: readonly Entry[], added: ReadonlySet<Host>): void {
  for (const { host, current } of entries.filter((entry) => added.has(entry.host))) {
    const others = entries.filter((entry) => entry.host !== host && entry.current.name === current.name);
    const redirect = others.find((other) => LEADING.has(current.type) && REDIRECTING.has(other.current.type));
    if (redirect) throw redirected(current, redirect.current);
    const conflicting = others.find((other) => [current.type, other.current.type].includes('CNAME'));
    if (conflicting) throw conflict(current, conflicting.current);
  }
}

function sameKeys(before: readonly Host[], after: readonly Host[]): boolean {
  const [a, b] = [before.map(hostKey).sort(), after.map(hostKey).sort()];
  return a.length === b.length && a.every((key, index) => key === b[index]);
}

/**
 * Compares a read after a write with what was written. Additional hosts are ignored: another client
 * has added them since. Pure.
 */
export function verify(before: HostZone, changed: Changed, after: HostZone): Verdict {
  const there = new Set(after.hosts.map(hostKey));
  const expected = new Set(changed.hosts.map(hostKey));
  const known = new Set(before.hosts.map(hostKey));
  const targets = new Set(after.hosts.map(targetKey));
  const exists = (host: Host) =>
    isMade(host, before.emailType) ? targets.has(targetKey(host)) : there.has(hostKey(host));
  const missing = changed.hosts.filter((host) => !exists(host));
  // Another ACME client removes its challenge when its order is done.
  const isChallenge = ({ name, type }: Host) => type === 'TXT' && /^_acme-challenge(?:\.|$)/i.test(name);
  const others = after.hosts.filter((host) => !expected.has(hostKey(host)) && !known.has(hostKey(host)));
  const own = new Set(changed.wanted);
  const instead = (host: Host) =>
    others.find(({ name, type }) => name.toLowerCase() === host.name.toLowerCase() && type === host.type);
  const lost = missing
    .filter((host) => !own.has(host) && !isChallenge(host))
    .map((host) => withInstead(host, instead(host)));
  const email =
    before.emailType === after.emailType
      ? []
      : [`the email type ${before.emailType}, now ${after.emailType}`];
  const ours = missing.filter((host) => own.has(host));
  const isMangled = (host: Host) => isAlike(host, instead(host));
  return {
    lost: [...email, ...lost],
    mangled: ours.filter(isMangled).map((host) => withInstead(host, instead(host))),
    undone: [
      ...ours.filter((host) => !isMangled(host)).map((host) => `${describeHost(host)} is not there`),
      ...changed.removed
        .filter((host) => there.has(hostKey(host)))
        .map((host) => `${describeHost(host)} is still there`),
    ],
  };
}

/** A host that Namecheap generates keeps its target, and may get another TTL and preference. */
function targetKey(host: Host): string {
  return hostKey({ ...host, ttl: '0', mxPref: '0' });
}

/**
 * Whether a host has the same value except for spelling, or its beginning. Any other value is the
 * record of another client that wrote at the same moment.
 */
function isAlike(host: Host, other: Host | undefined): boolean {
  if (!other) return false;
  const [a, b] = [host, other].map(({ address }) => address.toLowerCase().replace(/[^a-z0-9]/g, ''));
  return a === b || (b !== undefined && b.length >= 8 && (a?.startsWith(b) ?? false));
}

function withInstead(host: Host, other: Host | undefined): string {
  return other ? `${inFull(host)}, now ${inFull(other)}` : inFull(host);
}

function inFull(host: Host): string {
  const preference = host.type === 'MX' ? `, preference ${host.mxPref}` : '';
  return `${describeHost(host)} (TTL ${host.ttl}${preference})`;
}
