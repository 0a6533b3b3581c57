import type { DnsRecord } from '../dns/record.ts';

/** What was found out about the gateway that the names point to. */
export interface GatewayFinding {
  /** As configured. */
  readonly gatewayDomain: string;
  /** Its addresses; undefined when the look-up failed. */
  readonly addresses: readonly string[] | undefined;
  /** Why the look-up failed. */
  readonly failure: string | undefined;
  /**
   * The base name of the cluster's gateway by the word of dstack; undefined when it says nothing.
   */
  readonly injected: string | undefined;
  /** Addresses of that gateway; undefined when they are not known. */
  readonly injectedAddresses: readonly string[] | undefined;
  /** The names that are served. */
  readonly names: readonly string[];
  /** The records that lead them to the gateway. */
  readonly aliases: readonly DnsRecord[];
}

/**
 * What a person has to know of GATEWAY_DOMAIN, in a sentence; undefined when nothing speaks against
 * it. A name that resolves to something that is no gateway is noticed only where dstack says which
 * gateway is the right one: whoever listens on port 443 looks the same from here, and a container
 * may be unable to reach its own gateway. Pure.
 */
export function gatewayFault(finding: GatewayFinding): string | undefined {
  const { gatewayDomain, addresses, failure, injected, injectedAddresses = [] } = finding;
  if (addresses === undefined)
    return `GATEWAY_DOMAIN: whether ${gatewayDomain} has an address is not known (${failure ?? 'the look-up failed'}). If it has none, nobody reaches ${whom(finding)}${published(finding)}. It is looked up again in the next pass`;
  if (addresses.length === 0)
    return `GATEWAY_DOMAIN: ${gatewayDomain} has no address in the public DNS, so nobody reaches ${whom(finding)}${published(finding)}. ${whereToFind(finding)}`;
  const isOther = injectedAddresses.length > 0 && !addresses.some((one) => injectedAddresses.includes(one));
  if (injected === undefined || !isOther) return undefined;
  return `GATEWAY_DOMAIN: ${gatewayDomain} leads to ${addresses.join(', ')}, but dstack says that the gateway of this cluster is ${injected} (DSTACK_GATEWAY_DOMAIN), which is at ${injectedAddresses.join(', ')}: requests for ${whom(finding)} most likely end elsewhere${published(finding)}. ${whereToFind(finding)}`;
}

function whom({ names: [first, ...others] }: GatewayFinding): string {
  return others.length > 0 ? `${first} and ${others.length} more` : `${first}`;
}

function published({ aliases: [first, ...others] }: GatewayFinding): string {
  if (!first) return '';
  const more = others.length > 0 ? ` and ${others.length} more like it` : '';
  return ` by what is published (${first.name} ${first.type} ${first.value}${more})`;
}

function whereToFind({ gatewayDomain, injected }: GatewayFinding): string {
  if (injected !== undefined && gatewayDomain !== `_.${injected}`)
    return `Leave GATEWAY_DOMAIN out, or set it to _.${injected}`;
  return 'Set it to _. and the base domain of your gateway: the dashboard of the cloud shows it, a gateway of your own has it in its configuration, and dstack gives it to the app as DSTACK_GATEWAY_DOMAIN';
}
