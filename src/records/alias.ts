import type { Capabilities } from '../dns/provider.ts';
import type { CurrentRecord } from '../dns/record.ts';
import type { Addresses } from '../dns/resolver.ts';

/** The lookups of the two names that a gateway may have. */
export interface GatewayLookups {
  /** As configured: `_.<base>`, or any other name. */
  readonly gatewayDomain: string;
  /** Addresses of the configured name; undefined when the lookup failed. */
  readonly configured: readonly string[] | undefined;
  /** Addresses of `gateway.<base>`; undefined when the lookup failed. */
  readonly friendly: readonly string[] | undefined;
  /** Target of the current CNAME at the name, if there is one. */
  readonly published: string | undefined;
}

/**
 * `gateway.<base>` for `_.<base>`, undefined for any other name. A gateway's wildcard serves every
 * label, and some resolvers (Android's among them) refuse a CNAME target whose first label is an
 * underscore. Pure.
 */
export function friendlyName(gatewayDomain: string): string | undefined {
  return gatewayDomain.startsWith('_.') ? `gateway.${gatewayDomain.slice(2)}` : undefined;
}

/**
 * Chooses the target of the CNAME: the friendly name if it resolves to the same addresses as the
 * configured one, else the configured one. A published friendly name stays unless the lookups
 * contradict it, so that a failed lookup never rewrites the zone. Pure.
 */
export function chooseAliasTarget({
  gatewayDomain,
  configured,
  friendly,
  published,
}: GatewayLookups): string {
  const candidate = friendlyName(gatewayDomain);
  if (candidate === undefined) return gatewayDomain;
  const isPublished = published === candidate;
  if (configured === undefined || friendly === undefined) return isPublished ? candidate : gatewayDomain;
  const shared = friendly.filter((address) => configured.includes(address)).length;
  const isSame = shared > 0 && shared === friendly.length && shared === configured.length;
  const isUnresolved = friendly.length === 0 && configured.length === 0;
  return isSame || (isPublished && (shared > 0 || isUnresolved)) ? candidate : gatewayDomain;
}

/** How the domain points to the gateway: by a CNAME, or by the gateway's own addresses. */
export type Alias =
  | { readonly kind: 'name'; readonly target: string }
  | { readonly kind: 'addresses'; readonly why: string };

/** The name of an alias, and its zone. */
export interface AliasPlace {
  readonly domain: string;
  /** Target of the CNAME, if one is possible. */
  readonly target: string;
  /** Apex of the zone; undefined when it is unknown. */
  readonly apex: string | undefined;
  /** Owner name of the desired CAA record, if there is one. */
  readonly caaName: string | undefined;
  /** The current records of the zone. */
  readonly current: readonly CurrentRecord[];
}

/**
 * Chooses a CNAME wherever it can be served, because it follows the gateway's addresses. Chooses
 * addresses if the zone would reject a CNAME, or if a CNAME would displace other records; every
 * reconciliation looks them up again. Pure.
 */
export function chooseAlias(
  { domain, target, apex, caaName, current }: AliasPlace,
  { cnameBesideOthers, flattensApexCname, servesUnderscoreTargets }: Capabilities,
): Alias {
  // RFC 1034 §3.6.2: a CNAME excludes other records, so it cannot coexist with the SOA and NS
  // records of the apex either.
  if (domain === apex && !flattensApexCname)
    return { kind: 'addresses', why: 'the name is the apex of its zone' };
  if (!cnameBesideOthers) {
    if (caaName === domain)
      return { kind: 'addresses', why: 'the name gets a CAA record, which a CNAME excludes' };
    const other = current.find(({ name, type }) => name === domain && !conflictsWithAlias(type));
    if (other)
      return {
        kind: 'addresses',
        why: `the name has a record of type ${other.type}, which a CNAME excludes`,
      };
  }
  if (target.startsWith('_') && !servesUnderscoreTargets) {
    return { kind: 'addresses', why: 'the provider serves no CNAME whose target starts with an underscore' };
  }
  return { kind: 'name', target };
}

/**
 * Whether a record of this type at the domain points clients elsewhere, so that an alias replaces
 * it. Pure.
 */
export function conflictsWithAlias(type: string): boolean {
  return type === 'CNAME' || type === 'A' || type === 'AAAA';
}

/**
 * The addresses to publish instead of a CNAME: the gateway's current ones. Our published addresses
 * stay for a family whose lookup failed, and for both families while the gateway has no address at
 * all. Empty when no address is known. `ours` are the records that an earlier run has published; it
 * must not contain other owners' addresses, which point elsewhere. Pure.
 */
export function standInAddresses(
  domain: string,
  gateway: Addresses | undefined,
  ours: readonly CurrentRecord[],
): string[] {
  const published = (type: string) =>
    ours
      .filter((record) => record.name === domain && record.type === type && !record.overriddenBy)
      .map(({ value }) => value);
  const ipv4 = gateway?.ipv4?.filter((address) => address !== '0.0.0.0') ?? published('A');
  const ipv6 = gateway?.ipv6?.filter((address) => address !== '::') ?? published('AAAA');
  const found = [...ipv4, ...ipv6];
  return found.length > 0 ? found : [...published('A'), ...published('AAAA')];
}
