import { canonicalName } from '../../src/dns/name.ts';
import { joinTxt, quoteTxt, shortestIpv6 } from '../../src/dns/presentation.ts';
import { type CurrentRecord, type DnsRecord, formatCaa, parseCaa } from '../../src/dns/record.ts';
import { IngressError } from '../../src/errors.ts';
import type { ApiRecordSet } from './answers.ts';

/**
 * Route 53's RRsets to our records and back. Pure.
 * Follows https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html and DomainNameFormat.html:
 * escapes have three octal digits, in names and in TXT data.
 */

const OCTAL = 8;
const ESCAPE = /\\([0-3][0-7]{2})/g;
/** A signed 32-bit number, as RFC 2181 §8 has it and the API takes it. */
const MOST_TTL = 2_147_483_647;
/** What an alias is answered with where its target is a load balancer; the API tells none. */
const ALIAS_TTL = 60;
/** The parts of an RRset that is answered to everybody as it stands. */
const SIMPLE_PARTS = new Set(['Name', 'Type', 'TTL', 'ResourceRecords']);

/** The TTL in seconds that Route 53 will answer for a wanted one. */
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
 * Whether the RRset is plain values with a TTL. Any other is an alias, or one of several that a routing policy or a health
 * check chooses from; parts that a later version of the API adds count as such, too.
 */
export function isSimple(set: ApiRecordSet): boolean {
  const parts = Object.entries(set).filter(([, value]) => value !== undefined && value !== null);
  return (
    set.TTL !== undefined &&
    set.ResourceRecords !== undefined &&
    parts.every(([key]) => SIMPLE_PARTS.has(key))
  );
}

/** The SOA and NS records that make the zone: they come and go with it, and nobody plans them. */
export function isOfZone(set: ApiRecordSet, apex: string | undefined): boolean {
  return set.Type === 'SOA' || (set.Type === 'NS' && nameOf(set.Name) === apex);
}

/** What makes an RRset this one and no other, in the place of an id, which the API has none of. */
export function handleOf(name: string, type: string, identifier?: string): string {
  return [name, type, ...(identifier === undefined ? [] : [identifier])].join(' ');
}

/** The records of one RRset as they stand. */
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

/** One value as everybody in this program sees it. */
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

/** One value as the API wants it. Throws PROVIDER_REJECTED for a type or value that this program does not write. */
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
