import { baseName, isWildcard } from '../dns/name.ts';
import { type DnsRecord, formatCaa } from '../dns/record.ts';
import { type AppAddress, appAddress } from './app-address.ts';

/**
 * Why a record is desired; it decides which current records at the same name conflict with it (see
 * plan.ts). A challenge is desired while its order is in progress, and conflicts with nothing.
 */
export type Purpose = 'alias' | 'app-address' | 'caa' | 'challenge';

/** A record to publish. */
export interface DesiredRecord extends DnsRecord {
  readonly purpose: Purpose;
  /**
   * The served name that it is desired for, which need not be its owner name: the CAA record of a
   * wildcard is at the base name.
   */
  readonly for?: string;
  /**
   * For a CAA record: URLs of our ended accounts, whose records it replaces regardless of the
   * ownership of the name.
   */
  readonly succeeds?: readonly string[];
}

/** The inputs for the records of a name. */
export interface Wanted extends AppAddress {
  /**
   * Target of the CNAME at the domain, or the addresses (IPv4, IPv6) that are published instead.
   */
  readonly alias: { readonly target: string } | { readonly addresses: readonly string[] };
  /** The only accounts that may issue; undefined when no CAA record is desired. */
  readonly caa: readonly CaaOwner[] | undefined;
}

/** An account that may issue. */
export interface CaaOwner {
  /** The name by which the CA recognizes itself in CAA records. */
  readonly issuer: string;
  readonly accountUrl: string;
  /** Our ended accounts at the CA. */
  readonly ended?: readonly string[];
}

/**
 * Seconds. Gateways cache the app-address for this long, so a new one takes effect within a minute.
 */
const TTL = 60;

/** The desired records of a name, in canonical form. Pure. */
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

function aliasData(alias: Wanted['alias']): Pick<DnsRecord, 'type' | 'value'>[] {
  if ('target' in alias) return [{ type: 'CNAME', value: alias.target }];
  return alias.addresses.map((value) => ({ type: value.includes(':') ? 'AAAA' : 'A', value }));
}
