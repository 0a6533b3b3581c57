import {
  type Change,
  type CurrentRecord,
  type DnsRecord,
  describeRecord,
  sameData,
} from '../../src/dns/record.ts';
import { IngressError } from '../../src/errors.ts';
import { describeHost, type Host, type HostZone, isMade } from './hosts.ts';
import { hostKey, normalizeTtl, toCurrent, toHost } from './records.ts';

/** A plan's changes made on a copy of the whole zone, which is the only thing that setHosts takes. Pure. */

export interface Changed {
  /** The zone as it shall be. Hosts that no change names are the same objects as before. */
  readonly hosts: readonly Host[];
  /** Those of them that the changes name, in the order of the changes: created, replacing, or standing there already. */
  readonly wanted: readonly Host[];
  readonly removed: readonly Host[];
  /** Whether anything has to be written. */
  readonly differs: boolean;
}

const LEADING = new Set(['A', 'AAAA', 'CNAME']);
/** Answered as addresses: Namecheap's own server, which redirects, or those of another name. */
const REDIRECTING = new Set(['URL', 'URL301', 'FRAME', 'ALIAS']);

interface Entry {
  readonly host: Host;
  readonly live: CurrentRecord;
}

/**
 * Throws PROVIDER_CONFLICT where a CNAME would not stand alone, PROVIDER_REJECTED where a redirect stands in the way, and
 * what `toHost` throws.
 */
export function changeHosts(hosts: readonly Host[], changes: readonly Change[], domain: string): Changed {
  let entries: Entry[] = hosts.map((host) => ({ host, live: toCurrent(host, domain) }));
  // What is removed cannot serve as what is wanted, so removals come first.
  for (const change of changes) {
    if (change.action === 'remove') entries = withoutOne(entries, change.removed);
  }
  const wanted: Host[] = [];
  const added = new Set<Host>();
  for (const change of changes) {
    if (change.action === 'remove') continue;
    const place = placeOf(change, entries);
    const entry = entryFor(change.record, entries[place.standing], domain);
    entries = place.put(entry);
    wanted.push(entry.host);
    if (place.standing < 0) added.add(entry.host);
  }
  requirePlace(entries, added);
  const changed = entries.map(({ host }) => host);
  const kept = new Set(changed.map(hostKey));
  return {
    hosts: changed,
    wanted,
    removed: hosts.filter((host) => !kept.has(hostKey(host))),
    differs: !sameKeys(hosts, changed),
  };
}

/** A record may stand twice; one removal takes one of them, the one that is meant. */
function withoutOne(entries: readonly Entry[], removed: CurrentRecord): Entry[] {
  const same = entries.filter(({ live }) => sameData(live, removed));
  const meant =
    same.find(({ live }) => live.handle !== undefined && live.handle === removed.handle) ??
    same.find(({ live }) => live.ttl === removed.ttl) ??
    same[0];
  return entries.filter((entry) => entry !== meant);
}

/** Where a wanted record stands, and the list with it in its place; what it replaces goes. */
function placeOf(change: Exclude<Change, { action: 'remove' }>, entries: readonly Entry[]) {
  const { record } = change;
  const replaced =
    change.action === 'replace' && !sameData(change.replaced, record) ? change.replaced : undefined;
  const isOld = ({ live }: Entry) => replaced !== undefined && sameData(live, replaced);
  const standing = entries.findIndex(({ live }) => sameData(live, record));
  const at = standing >= 0 ? standing : entries.findIndex(isOld);
  const put = (entry: Entry): Entry[] => {
    const placed = at < 0 ? [...entries, entry] : entries.with(at, entry);
    return placed.filter((one) => one === entry || !isOld(one));
  };
  return { standing, put };
}

function entryFor(record: DnsRecord, standing: Entry | undefined, domain: string): Entry {
  const ttl = normalizeTtl(record.ttl);
  if (standing && standing.live.ttl === ttl) return standing;
  const host = standing ? { ...standing.host, ttl: String(ttl) } : toHost(record, domain);
  return { host, live: toCurrent(host, domain) };
}

/**
 * RFC 1034 §3.6.2, and what answers with an address of its own: both would be served. What stands like that already
 * stays; nothing new is put beside it.
 */
function requirePlace(entries: readonly Entry[], added: ReadonlySet<Host>): void {
  for (const { host, live } of entries.filter((entry) => added.has(entry.host))) {
    const others = entries.filter((entry) => entry.host !== host && entry.live.name === live.name);
    const elsewhere = others.find((other) => LEADING.has(live.type) && REDIRECTING.has(other.live.type));
    if (elsewhere) throw redirected(live, elsewhere.live);
    const rival = others.find((other) => [live.type, other.live.type].includes('CNAME'));
    if (!rival) continue;
    const both = `${describeRecord(live)} is not allowed beside ${rival.live.type} ${rival.live.value}`;
    throw new IngressError('PROVIDER_CONFLICT', `nothing was written to Namecheap: ${both}`);
  }
}

function redirected(live: CurrentRecord, other: CurrentRecord): IngressError {
  const why = `${describeRecord(live)} was not written, because the same name has ${other.type} ${other.value}`;
  return new IngressError('PROVIDER_REJECTED', why, {
    hint: 'Remove the redirect at Domain List > Manage > Advanced DNS. Namecheap would answer with both.',
  });
}

function sameKeys(before: readonly Host[], after: readonly Host[]): boolean {
  const [a, b] = [before.map(hostKey).sort(), after.map(hostKey).sort()];
  return a.length === b.length && a.every((key, index) => key === b[index]);
}

/** What a read after a write shows, held against what was asked for. Pure. */
export interface Verdict {
  /** What nobody asked to touch and is missing or changed, in words. */
  readonly lost: readonly string[];
  /** Ours that stand there in other words: what was asked for, and what stands there instead. */
  readonly mangled: readonly string[];
  /** Ours that are not there, and removed ones that still are. */
  readonly undone: readonly string[];
}

/** Hosts that are there beside what was asked for are somebody else's, added since, and nothing to complain of. */
export function verify(before: HostZone, changed: Changed, after: HostZone): Verdict {
  const there = new Set(after.hosts.map(hostKey));
  const expected = new Set(changed.hosts.map(hostKey));
  const known = new Set(before.hosts.map(hostKey));
  const targets = new Set(after.hosts.map(targetKey));
  const stands = (host: Host) =>
    isMade(host, before.emailType) ? targets.has(targetKey(host)) : there.has(hostKey(host));
  const missing = changed.hosts.filter((host) => !stands(host));
  // A challenge of somebody else goes by itself when its order is done.
  const isPassing = ({ name, type }: Host) => type === 'TXT' && /^_acme-challenge(?:\.|$)/i.test(name);
  const others = after.hosts.filter((host) => !expected.has(hostKey(host)) && !known.has(hostKey(host)));
  const own = new Set(changed.wanted);
  const instead = (host: Host) =>
    others.find(({ name, type }) => name.toLowerCase() === host.name.toLowerCase() && type === host.type);
  const lost = missing
    .filter((host) => !own.has(host) && !isPassing(host))
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

/** What Namecheap makes itself keeps its target, and may get another TTL and preference. */
function targetKey(host: Host): string {
  return hostKey({ ...host, ttl: '0', mxPref: '0' });
}

/** The same but for spelling, or the beginning of it; anything else is a record of somebody who wrote at the same moment. */
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
