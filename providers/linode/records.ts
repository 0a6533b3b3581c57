import { canonicalName, isWithin } from '../../src/dns/name.ts';
import { shortestIpv6 } from '../../src/dns/presentation.ts';
import {
  type CurrentRecord,
  type DnsRecord,
  describeRecord,
  formatCaa,
  parseCaa,
} from '../../src/dns/record.ts';
import { IngressError } from '../../src/errors.ts';
import type { ApiRecord } from './answers.ts';

/**
 * Converts Linode's records to ours and back. Pure.
 * Follows https://techdocs.akamai.com/linode-api/reference/post-domain-record. The target of a TXT
 * record is the unquoted text: Linode quotes and splits it when it renders the zone, so a quote
 * that is sent becomes part of the value.
 */

/** The domain that a record belongs to. */
export interface Apex {
  readonly name: string;
  /** Seconds; the TTL that is served for a record without its own. */
  readonly defaultTtl: number;
}

/** The request body of a write. */
export interface RecordBody {
  readonly type: string;
  readonly name: string;
  readonly target: string;
  readonly ttl_sec: number;
  readonly tag?: string;
}

/** The documented TTLs, in seconds. Linode rounds any other. */
const TTLS = [
  300, 3600, 7200, 14_400, 28_800, 57_600, 86_400, 172_800, 345_600, 604_800, 1_209_600, 2_419_200,
] as const;
const LONGEST_TTL = 2_419_200;

/**
 * What a domain's TTL of 0 means (https://techdocs.akamai.com/linode-api/reference/post-domain).
 */
export const DEFAULT_TTL = 86_400;

/** The TTL in seconds that Linode serves for a wanted one: the next longer of its values. */
export function normalizeTtl(seconds: number): number {
  return TTLS.find((ttl) => ttl >= seconds) ?? LONGEST_TTL;
}

/** A current record in our form. */
export function toCurrent(record: ApiRecord, apex: Apex): CurrentRecord {
  return {
    name: ownerName(record, apex.name),
    type: record.type.toUpperCase(),
    value: recordValue(record),
    ttl: record.ttl_sec === 0 ? apex.defaultTtl : record.ttl_sec,
    handle: String(record.id),
  };
}

// For addresses, the documentation says "the hostname or FQDN".
function ownerName({ name, type }: ApiRecord, apex: string): string {
  const given = canonicalName(name);
  if (given === '') return apex;
  const isAddress = type === 'A' || type === 'AAAA';
  return isAddress && isWithin(given, apex) ? given : `${given}.${apex}`;
}

function recordValue({ type, target, tag, priority, weight, port }: ApiRecord): string {
  switch (type.toUpperCase()) {
    case 'AAAA':
      return shortestIpv6(target);
    case 'CNAME':
      return canonicalName(target);
    case 'CAA':
      // The API has no flags, and Linode serves 0.
      return formatCaa(0, tag, target);
    case 'MX':
      return `${priority} ${target}`;
    case 'SRV':
      return `${priority} ${weight} ${port} ${target}`;
    default:
      return target;
  }
}

/**
 * The request body for a record. Throws PROVIDER_REJECTED for what Linode cannot serve or this
 * program does not write, and ZONE_MISMATCH for a name outside the domain.
 */
export function toBody(record: DnsRecord, apex: string): RecordBody {
  const { type, value } = record;
  const common = { name: relativeName(record, apex), ttl_sec: normalizeTtl(record.ttl) };
  switch (type) {
    case 'A':
    case 'AAAA':
    case 'CNAME':
    case 'TXT':
      return { type, ...common, target: value };
    case 'CAA': {
      const caa = parseCaa(value);
      if (!caa) throw rejected(record, 'malformed-caa');
      if (caa.flags !== 0) throw rejected(record, 'caa-flags');
      return { type, ...common, tag: caa.tag, target: caa.value };
    }
    default:
      throw rejected(record, 'unwritable-type');
  }
}

function relativeName({ name }: DnsRecord, apex: string): string {
  if (name === apex) return '';
  if (isWithin(name, apex)) return name.slice(0, -apex.length - 1);
  throw new IngressError('ZONE_MISMATCH', `The Linode domain ${apex} does not hold ${name}`);
}

const WHY_REJECTED = {
  'malformed-caa': 'is not flags, tag and quoted value',
  'caa-flags': 'has flags other than 0, which Linode would drop',
  'unwritable-type': 'is of a type that is never written',
} as const;

function rejected(record: DnsRecord, reason: keyof typeof WHY_REJECTED): IngressError {
  const described = describeRecord(record);
  return new IngressError('PROVIDER_REJECTED', `${described} ${WHY_REJECTED[reason]}`, {
    details: { reason, record: described },
  });
}
