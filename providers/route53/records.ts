import { canonicalName } from '../../src/dns/name.ts';
import { joinTxt, quoteTxt, shortestIpv6 } from '../../src/dns/presentation.ts';
import { type CurrentRecord, type DnsRecord, formatCaa, parseCaa } from '../../src/dns/record.ts';
import { IngressError } from '../../src/errors.ts';
import type { ApiRecordSet } from './answers.ts';

/**
 * Converts Route 53's RRsets to our records and back. Pure.
 * Follows https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html and
 * DomainNameFormat.html: escapes have three octal digits, in names and in TXT data.
 */

const OCTAL = 8;
const ESCAPE = /\\([0-3][0-7]{2})/g;
/** A signed 32-bit number (RFC 2181 §8), which is also the API's limit. */
const MOST_TTL = 2_147_483_647;
/** The TTL of an alias whose target is a load balancer; the API reports none. */
const ALIAS_TTL = 60;
/** The properties of an RRset that is served to every client unchanged. */
const SIMPLE_PARTS = new Set(['Name', 'Type', 'TTL', 'ResourceRecords']);

/** The TTL in seconds that Route 53 serves for a wanted one. */
export function normalizeTtl(seconds: number): number {
  return Math.min(MOST_TTL, Math.max(0, Math.round(seconds)));
}

/** `\052.Example.com.` -> `*.example.com` */
export function nameOf(text: string): string {
  return canonicalName(
    text.replace(ESCAPE, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, OCTAL))),
  );
}

/**
 * Whether the RRset is simple: values with a TTL. Any other is an alias, or one of several between
 * which a routing policy or a health check chooses. Properties of later API versions count as such,
 * too.
 */
export function isSimple(set: ApiRecordSet): boolean {
  const parts = Object.entries(set).filter(([, value]) => value !== undefined && value !== null);
  return (
    set.TTL !== undefined &&
    set.ResourceRecords !== undefined &&
    parts.every(([key]) => SIMPLE_PARTS.has(key))
  );
}

/**
 * The SOA and NS records at the apex: Route 53 manages them with the zone, and no plan contains
 * them.
 */
export function isOfZone(set: ApiRecordSet, apex: string | undefined): boolean {
  return set.Type === 'SOA' || (set.Type === 'NS' && nameOf(set.Name) === apex);
}

/** Identifies an RRset; the API has no ids for them. */
export function handleOf(name: string, type: string, identifier?: string): string {
  return [name, type, ...(identifier === undefined ? [] : [identifier])].join(' ');
}

/** The current records of one RRset. */
export function toCurrentRecords(set: ApiRecordSet): CurrentRecord[] {
  const name = nameOf(set.Name);
  const type = set.Type.toUpperCase();
  const ttl = set.TTL ?? ALIAS_TTL;
  const values = (set.ResourceRecords ?? []).map(({ Value }) => toValue(type, Value));
  const handle = handleOf(name, type, set.SetIdentifier);
  if (isSimple(set)) return values.map((value) => ({ name, type, value, ttl, handle }));
  const shown = values.length > 0 ? values : [targetOf(set)];
  return shown.map((value) => ({ name, type, value, ttl, handle, overriddenBy: policyOf(set) }));
}

function targetOf(set: ApiRecordSet): string {
  return set.AliasTarget ? `ALIAS ${nameOf(set.AliasTarget.DNSName)}` : 'TRAFFIC POLICY';
}

function policyOf(set: ApiRecordSet): string {
  if (set['TrafficPolicyInstanceId'] !== undefined) return 'route53-traffic-policy';
  if (set.SetIdentifier !== undefined) return 'route53-routing-policy';
  if (set.AliasTarget !== undefined) return 'route53-alias';
  return 'route53-health-check';
}

/** Converts a value of the API to canonical form. */
export function toValue(type: string, value: string): string {
  switch (type) {
    case 'AAAA':
      return shortestIpv6(value);
    case 'CNAME':
      return nameOf(value);
    case 'TXT':
      return joinTxt(value, OCTAL);
    case 'CAA': {
      const caa = parseCaa(value);
      return caa ? formatCaa(caa.flags, caa.tag, caa.value) : value;
    }
    default:
      return value;
  }
}

/**
 * Converts a value to the API's form. Throws PROVIDER_REJECTED for a type or value that this
 * program does not write.
 */
export function fromValue({ name, type, value }: DnsRecord): string {
  switch (type) {
    case 'A':
    case 'AAAA':
      return value;
    case 'CNAME':
      return `${value}.`;
    case 'TXT':
      return quoteTxt(value, OCTAL);
    case 'CAA':
      if (parseCaa(value)) return value;
      throw new IngressError('PROVIDER_REJECTED', `${name} CAA is not flags, tag and quoted value: ${value}`);
    default:
      throw new IngressError('PROVIDER_REJECTED', `${name} ${type} is of a type that is never written`);
  }
}
