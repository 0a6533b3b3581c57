import type { Capabilities } from '../dns/provider.ts';
import type { CurrentRecord } from '../dns/record.ts';
import type { Addresses } from '../dns/resolver.ts';

/** What is known of the two names that one gateway may have. */
export interface GatewayLookups {
  /** As configured: `_.<base>`, or any other name. */
  readonly gatewayDomain: string;
  /** Addresses of the configured name; undefined when the look-up failed. */
  readonly configured: readonly string[] | undefined;
  /** Addresses of `gateway.<base>`; undefined when the look-up failed. */
  readonly friendly: readonly string[] | undefined;
  /** The alias that is published now, if any. */
  readonly published: string | undefined;
}

/**
 * `gateway.<base>` for `_.<base>`, undefined for any other name. A gateway's wildcard serves any
 * label, and some resolvers (Android's among them) refuse a CNAME target whose first label is an
 * underscore.
 */
export function friendlyName(gatewayDomain: string): string | undefined {
  return gatewayDomain.startsWith('_.') ? `gateway.${gatewayDomain.slice(2)}` : undefined;
}

/**
 * Which name the alias says: the friendly one once it leads to the same addresses, else the
 * configured one. What is published stays as long as nothing speaks against it, so that a failed
 * look-up never rewrites the zone.
 */
export function chooseAliasTarget({
  gatewayDomain,
  configured,
  friendly,
  published,
}: GatewayLookups): string {
  const candidate = friendlyName(gatewayDomain);
  if (candidate === undefined) return gatewayDomain;
  const stays = published === candidate;
  if (configured === undefined || friendly === undefined) return stays ? candidate : gatewayDomain;
  const shared = friendly.filter((address) => configured.includes(address)).length;
  const same = shared > 0 && shared === friendly.length && shared === configured.length;
  const neither = friendly.length === 0 && configured.length === 0;
  return same || (stays && (shared > 0 || neither)) ? candidate : gatewayDomain;
}

/** What leads the domain to the gateway: one CNAME, or the gateway's own addresses. */
export type Alias =
  | { readonly kind: 'name'; readonly target: string }
  | { readonly kind: 'addresses'; readonly why: string };

export interface AliasPlace {
  readonly domain: string;
  /** What the CNAME would say. */
  readonly target: string;
  /** The zone's apex; undefined when it is not known. */
  readonly apex: string | undefined;
  /** The owner name of the CAA record that is wanted, if one is. */
  readonly caaName: string | undefined;
  /** What stands in the zone. */
  readonly live: readonly CurrentRecord[];
}

/**
 * A CNAME wherever it can be served: it follows the gateway by itself. Addresses where the zone
 * would refuse it or where it would take something else's place; they have to be looked up again in
 * every pass.
 */
export function chooseAlias(
  { domain, target, apex, caaName, live }: AliasPlace,
  { cnameBesideOthers, flattensApexCname, servesUnderscoreTargets }: Capabilities,
): Alias {
  // RFC 1034 §3.6.2: a CNAME stands alone, so not beside the apex' SOA and NS either.
  if (domain === apex && !flattensApexCname)
    return { kind: 'addresses', why: 'the name is the apex of its zone' };
  if (!cnameBesideOthers) {
    if (caaName === domain) return { kind: 'addresses', why: 'a CAA record is wanted at the same name' };
    const neighbour = live.find(({ name, type }) => name === domain && !givesWayToAlias(type));
    if (neighbour) return { kind: 'addresses', why: `${neighbour.type} stands at the same name` };
  }
  if (target.startsWith('_') && !servesUnderscoreTargets) {
    return { kind: 'addresses', why: 'the provider does not serve targets that start with an underscore' };
  }
  return { kind: 'name', target };
}

/** Whether a record of this type at the domain leads elsewhere, and so is replaced. */
export function givesWayToAlias(type: string): boolean {
  return type === 'CNAME' || type === 'A' || type === 'AAAA';
}

/**
 * The addresses to publish in the gateway's place: those that it has now. A family whose look-up
 * failed stays as it is published by us, and so does everything while the gateway seems to have no
 * address at all. Empty when nothing is known. `ours` are the records that an earlier pass has
 * published: those of anybody else lead elsewhere.
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
