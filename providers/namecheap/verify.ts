import { hostKey } from './records.ts';
import type { Changed } from './changes.ts';
import { describeHost, type Host, type HostZone, isMade } from './hosts.ts';

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
export function judge(before: HostZone, changed: Changed, after: HostZone): Verdict {
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
