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
 * `gateway.<base>` for `_.<base>`, undefined for any other name. A gateway's wildcard serves any label, and some
 * resolvers (Android's among them) refuse a CNAME target whose first label is an underscore.
 */
export function friendlyName(gatewayDomain: string): string | undefined {
  return gatewayDomain.startsWith('_.') ? `gateway.${gatewayDomain.slice(2)}` : undefined;
}

/**
 * Which name the alias says: the friendly one once it leads to the same addresses, else the configured one. What is
 * published stays as long as nothing speaks against it, so that a failed look-up never rewrites the zone.
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
  return same || (stays && shared > 0) ? candidate : gatewayDomain;
}
