import { canonicalName, isWithin } from '../../src/dns/name.ts';
import { shortestIpv6 } from '../../src/dns/presentation.ts';
import { type CurrentRecord, type DnsRecord, formatCaa, parseCaa } from '../../src/dns/record.ts';
import { IngressError } from '../../src/errors.ts';
import { type Host, LEAST_TTL, MOST_TTL } from './hosts.ts';

/**
 * Converts Namecheap's hosts to records and back. Pure.
 * Follows https://www.namecheap.com/support/api/methods/domains-dns/set-hosts/. The data of a TXT
 * record is its characters, unquoted and in one piece whatever their length: several quoted strings
 * would become several records.
 */

const NAMES = new Set(['CNAME', 'ALIAS', 'NS', 'MX']);

/** The API stores this for every type but MX, whatever is sent. */
const NO_PREFERENCE = '10';

/** The TTL in seconds that Namecheap serves for a wanted one. */
export function normalizeTtl(seconds: number): number {
  return Math.min(MOST_TTL, Math.max(LEAST_TTL, Math.round(seconds)));
}

/**
 * A host as a current record. An automatic TTL reads as 1799 s, which is what the name servers
 * return. The handle only shows that the record was read: the API assigns new numbers with every
 * write, so nothing is looked up by them.
 */
export function toCurrent(host: Host, domain: string): CurrentRecord {
  const type = host.type.toUpperCase();
  const record = {
    name: ownerName(host.name, domain),
    type,
    value: recordValue(host, type),
    ttl: Number(host.ttl),
  };
  return host.id === undefined ? record : { ...record, handle: host.id };
}

function ownerName(name: string, domain: string): string {
  return name === '@' ? domain : `${canonicalName(name)}.${domain}`;
}

function recordValue({ address, mxPref }: Host, type: string): string {
  switch (type) {
    case 'AAAA':
      return shortestIpv6(address);
    case 'CNAME':
      return canonicalName(address);
    case 'CAA':
      return caaValue(address);
    case 'MX':
      return `${mxPref ?? NO_PREFERENCE} ${address}`;
    default:
      return address;
  }
}

function caaValue(address: string): string {
  const [, flags, tag, bare] = /^(\d{1,3})\s+([A-Za-z0-9]+)\s+([^\s"]+)$/.exec(address.trim()) ?? [];
  const parsed = parseCaa(flags && tag && bare ? `${flags} ${tag} "${bare}"` : address);
  return parsed ? formatCaa(parsed.flags, parsed.tag, parsed.value) : address;
}

/**
 * The host for a record. Throws PROVIDER_REJECTED for a type or value that this program does not
 * write, and ZONE_MISMATCH for a name outside the domain.
 */
export function toHost(record: DnsRecord, domain: string): Host {
  const { name, type } = record;
  if (!isWithin(name, domain))
    throw new IngressError('ZONE_MISMATCH', `The domain ${domain} does not hold ${name}`);
  return {
    name: name === domain ? '@' : name.slice(0, -domain.length - 1),
    type,
    address: addressOf(record),
    mxPref: NO_PREFERENCE,
    ttl: String(normalizeTtl(record.ttl)),
  };
}

const WHY_REJECTED = {
  quote: 'holds a double quote, which Namecheap does not keep',
  'malformed-caa': 'is not flags, tag and quoted value',
  'unwritable-type': 'is of a type that is never written',
} as const;

function addressOf({ name, type, value }: DnsRecord): string {
  const rejected = (reason: keyof typeof WHY_REJECTED) =>
    new IngressError('PROVIDER_REJECTED', `${name} ${type} ${WHY_REJECTED[reason]}: ${value}`, {
      details: { reason, record: `${name} ${type} ${value}` },
    });
  switch (type) {
    case 'A':
    case 'AAAA':
      return value;
    case 'CNAME':
      return `${value}.`;
    case 'TXT':
      if (value.includes('"')) throw rejected('quote');
      return value;
    case 'CAA':
      if (parseCaa(value)) return value;
      throw rejected('malformed-caa');
    default:
      throw rejected('unwritable-type');
  }
}

/** A key that is equal for hosts with the same meaning, whatever their spelling. */
export function hostKey(host: Host): string {
  const { name, type, address, mxPref, ttl } = host;
  const target = NAMES.has(type) ? canonicalName(address) : recordValue(host, type);
  return JSON.stringify([canonicalName(name), type, target, type === 'MX' ? Number(mxPref) : 0, Number(ttl)]);
}
