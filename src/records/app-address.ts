import { baseName, isWildcard } from '../dns/name.ts';
import type { DnsRecord } from '../dns/record.ts';

/** The data of the record that the gateway reads for a name: the app behind it, and its port. */
export interface AppAddress {
  /** The name to serve, or `*.` and a name. */
  readonly domain: string;
  readonly appId: string;
  readonly port: number;
  /** First label of the record's owner name. */
  readonly txtPrefix: string;
}

/** The TXT record by which the gateway finds the app. Pure. */
export function appAddress({ domain, appId, port, txtPrefix }: AppAddress): Omit<DnsRecord, 'ttl'> {
  return { name: appAddressName(domain, txtPrefix), type: 'TXT', value: `${appId}:${port}` };
}

/**
 * The owner name of the app-address record: `<prefix>.<name>`, or `<prefix>-wildcard.<base>` for a
 * wildcard. Pure.
 */
export function appAddressName(name: string, prefix: string): string {
  return isWildcard(name) ? `${prefix}-wildcard.${baseName(name)}` : `${prefix}.${name}`;
}
