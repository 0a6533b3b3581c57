import type { DnsRecord } from '../dns/record.ts';

/** The lookups of the gateway, and the records that point to it. */
export interface GatewayFinding {
  /** As configured. */
  readonly gatewayDomain: string;
  /** Its addresses; undefined when the lookup failed. */
  readonly addresses: readonly string[] | undefined;
  /** Why the lookup failed. */
  readonly failure: string | undefined;
  /**
   * The base name of the cluster's gateway according to dstack (DSTACK_GATEWAY_DOMAIN); undefined
   * when dstack names none.
   */
  readonly injected: string | undefined;
  /** Addresses of that gateway; undefined when they are unknown. */
  readonly injectedAddresses: readonly string[] | undefined;
  /** The served names. */
  readonly names: readonly string[];
  /** The desired records that point them to the gateway. */
  readonly aliases: readonly DnsRecord[];
}

/**
 * What is wrong with GATEWAY_DOMAIN, as a sentence; undefined if no fault is known. A name that
 * resolves to a host other than a gateway is detected only if dstack names the right gateway: any
 * host that listens on port 443 looks the same from here, and a container may be unable to reach
 * its own gateway. Pure.
 */
export function gatewayFault(finding: GatewayFinding): string | undefined {
  const { gatewayDomain, addresses, failure, injected, injectedAddresses = [] } = finding;
  if (addresses === undefined)
    return `GATEWAY_DOMAIN: ${gatewayDomain} could not be looked up (${failure ?? 'the lookup failed'}). If it has no address, no client reaches ${namesOf(finding)}${recordsOf(finding)}. The next reconciliation looks it up again`;
  if (addresses.length === 0)
    return `GATEWAY_DOMAIN: ${gatewayDomain} has no address in the public DNS, so no client reaches ${namesOf(finding)}${recordsOf(finding)}. ${fixOf(finding)}`;
  const isOther = injectedAddresses.length > 0 && !addresses.some((one) => injectedAddresses.includes(one));
  if (injected === undefined || !isOther) return undefined;
  return `GATEWAY_DOMAIN: ${gatewayDomain} resolves to ${addresses.join(', ')}, but the gateway of this cluster is ${injected} (DSTACK_GATEWAY_DOMAIN) at ${injectedAddresses.join(', ')}: requests for ${namesOf(finding)} probably go to the wrong gateway${recordsOf(finding)}. ${fixOf(finding)}`;
}

function namesOf({ names: [first, ...others] }: GatewayFinding): string {
  return others.length > 0 ? `${first} and ${others.length} more` : `${first}`;
}

function recordsOf({ aliases: [first, ...others] }: GatewayFinding): string {
  if (!first) return '';
  const more = others.length > 0 ? ` and ${others.length} more like it` : '';
  return ` through the published records (${first.name} ${first.type} ${first.value}${more})`;
}

function fixOf({ gatewayDomain, injected }: GatewayFinding): string {
  if (injected !== undefined && gatewayDomain !== `_.${injected}`)
    return `Leave GATEWAY_DOMAIN out, or set it to _.${injected}`;
  return 'Set it to _. and the base domain of your gateway: the dashboard of the cloud shows it, a gateway of your own has it in its configuration, and dstack passes it to the app as DSTACK_GATEWAY_DOMAIN';
}
