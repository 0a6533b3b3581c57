import type {
  AAAARecordParam,
  ARecordParam,
  CAARecordParam,
  CNAMERecordParam,
  TXTRecordParam,
} from 'cloudflare/resources/dns/records';
import { canonicalName } from '../../src/dns/name.ts';
import { joinTxt, quoteTxt, shortestIpv6 } from '../../src/dns/presentation.ts';
import { type CurrentRecord, type DnsRecord, formatCaa, parseCaa } from '../../src/dns/record.ts';
import { IngressError } from '../../src/errors.ts';
import type { ApiRecord } from './answers.ts';

/**
 * Converts Cloudflare's records to ours and back. Pure.
 * Follows https://developers.cloudflare.com/api/resources/dns/subresources/records/ and, for TXT,
 * RFC 1035 §5.1.
 */

/** The request body of each type that this program writes. */
export type RecordBody = ARecordParam | AAAARecordParam | CNAMERecordParam | TXTRecordParam | CAARecordParam;

/**
 * The comment of every record that this program writes, so that the dashboard shows where it comes
 * from.
 */
const MARK = 'dstack-ingress';

const AUTOMATIC = 1;
/**
 * The TTL that Cloudflare's name servers return for an automatic TTL
 * (developers.cloudflare.com/dns/manage-dns-records/reference/ttl).
 */
const AUTOMATIC_SECONDS = 300;
// 30 s is allowed in Enterprise zones only.
const LEAST_TTL = 60;
const MOST_TTL = 86_400;

/** The TTL in seconds that Cloudflare serves for a wanted one. */
export function normalizeTtl(seconds: number): number {
  return Math.min(MOST_TTL, Math.max(LEAST_TTL, Math.round(seconds)));
}

/**
 * Current records in our form. The list has to contain all records of the names, because one
 * proxied address hides its siblings.
 */
export function toCurrentRecords(records: readonly ApiRecord[]): CurrentRecord[] {
  const proxiedNames = new Set(
    records.filter((record) => record.proxied).map((record) => canonicalName(record.name)),
  );
  return records.map((record) => {
    const current = toCurrent(record);
    const hidden = isAddress(current.type) && proxiedNames.has(current.name);
    return hidden ? { ...current, overriddenBy: 'cloudflare-proxy' } : current;
  });
}

/** A current record in our form. */
export function toCurrent(record: ApiRecord): CurrentRecord {
  return {
    name: canonicalName(record.name),
    type: record.type.toUpperCase(),
    value: recordValue(record),
    ttl: record.ttl === AUTOMATIC ? AUTOMATIC_SECONDS : record.ttl,
    handle: record.id,
    ...(record.proxied ? { overriddenBy: 'cloudflare-proxy' } : {}),
  };
}

function isAddress(type: string): boolean {
  return type === 'A' || type === 'AAAA';
}

function recordValue({ type, content, data }: ApiRecord): string {
  const text = content ?? '';
  switch (type.toUpperCase()) {
    case 'AAAA':
      return shortestIpv6(text);
    case 'CNAME':
      return canonicalName(text);
    case 'TXT':
      return joinTxt(text);
    case 'CAA':
      return caaValue(text, data ?? {});
    default:
      return text;
  }
}

function caaValue(content: string, { flags, tag, value }: Readonly<Record<string, unknown>>): string {
  if (typeof tag === 'string' && typeof value === 'string') return formatCaa(Number(flags ?? 0), tag, value);
  const parsed = parseCaa(content);
  return parsed ? formatCaa(parsed.flags, parsed.tag, parsed.value) : content;
}

/**
 * The request body for a record. Throws PROVIDER_REJECTED for a type or value that this program
 * does not write.
 */
export function toBody(record: DnsRecord): RecordBody {
  const { name, type, value } = record;
  const common = { name, ttl: normalizeTtl(record.ttl), comment: MARK };
  switch (type) {
    case 'A':
    case 'AAAA':
    case 'CNAME':
      return { ...common, type, content: value, proxied: false };
    case 'TXT':
      return { ...common, type, content: quoteTxt(value) };
    case 'CAA': {
      const data = parseCaa(value);
      if (data) return { ...common, type, data };
      throw new IngressError('PROVIDER_REJECTED', `${name} CAA is not flags, tag and quoted value: ${value}`);
    }
    default:
      throw new IngressError('PROVIDER_REJECTED', `${name} ${type} is of a type that is never written`);
  }
}
