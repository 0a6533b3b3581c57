import { appAddressName, baseName, isWildcard } from '../dns/name.ts';
import { type DnsRecord, formatCaa } from '../dns/record.ts';

/**
 * Why a record is desired; it decides which other records at the same name give way (see plan.ts).
 * A challenge is desired while its order is open; nothing gives way to it.
 */
export type Purpose = 'alias' | 'app-address' | 'caa' | 'challenge';

export interface DesiredRecord extends DnsRecord {
  readonly purpose: Purpose;
  /**
   * The served name that wants it, which need not be its owner: a wildcard's CAA record stands at
   * the base name.
   */
  readonly for?: string;
  /**
   * Of a CAA record: the URLs of accounts whose records it takes the place of, whoever shares the
   * name.
   */
  readonly succeeds?: readonly string[];
}

export interface Wanted {
  /** The name to serve, or `*.` and a name. */
  readonly domain: string;
  /**
   * The gateway's name that the domain becomes an alias of, or the addresses (IPv4, IPv6) that
   * stand in for it.
   */
  readonly alias: { readonly target: string } | { readonly addresses: readonly string[] };
  readonly appId: string;
  readonly port: number;
  readonly txtPrefix: string;
  /** Who alone may issue; undefined when no CAA record is wanted. */
  readonly caa: readonly CaaOwner[] | undefined;
}

/** An account that may issue. */
export interface CaaOwner {
  /** The name by which the CA recognizes itself in CAA records. */
  readonly issuer: string;
  readonly accountUrl: string;
  /** Accounts of ours there before it, which cannot be used any more. */
  readonly ended?: readonly string[];
}

/** Seconds. Gateways cache the app's address for as long, so a new one is found within a minute. */
const TTL = 60;

/** The records that the configuration asks for, in canonical form. */
export function desiredRecords(wanted: Wanted, normalizeTtl: (seconds: number) => number): DesiredRecord[] {
  const { domain, alias, caa } = wanted;
  const ttl = normalizeTtl(TTL);
  const records: DesiredRecord[] = [
    ...aliasData(alias).map(
      (data): DesiredRecord => ({ purpose: 'alias', for: domain, name: domain, ttl, ...data }),
    ),
    { purpose: 'app-address', for: domain, ...appAddress(wanted), ttl },
  ];
  for (const { issuer, accountUrl, ended = [] } of caa ?? []) {
    // RFC 8659 §4.3: issuewild, at the name without its asterisk, decides for wildcards. RFC 8657
    // §3, §4: parameters.
    const tag = isWildcard(domain) ? 'issuewild' : 'issue';
    const value = formatCaa(0, tag, `${issuer};validationmethods=dns-01;accounturi=${accountUrl}`);
    const record = { name: baseName(domain), type: 'CAA', value, ttl };
    records.push({ purpose: 'caa', for: domain, ...record, ...(ended.length > 0 && { succeeds: ended }) });
  }
  return records;
}

/** Where the gateway looks for the app, and what it finds there. */
export function appAddress({
  domain,
  appId,
  port,
  txtPrefix,
}: Pick<Wanted, 'domain' | 'appId' | 'port' | 'txtPrefix'>): Omit<DnsRecord, 'ttl'> {
  return { name: appAddressName(domain, txtPrefix), type: 'TXT', value: `${appId}:${port}` };
}

function aliasData(alias: Wanted['alias']): Pick<DnsRecord, 'type' | 'value'>[] {
  if ('target' in alias) return [{ type: 'CNAME', value: alias.target }];
  return alias.addresses.map((value) => ({ type: value.includes(':') ? 'AAAA' : 'A', value }));
}
