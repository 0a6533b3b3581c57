import { isIP } from 'node:net';
import type { ZoneRecord } from '../dns/publisher.ts';
import { invalid } from './linode-refusal.ts';

/**
 * A record as Linode's API returns it
 * (https://techdocs.akamai.com/linode-api/reference/get-domain-record).
 */
export interface StoredRecord {
  readonly id: number;
  readonly type: string;
  readonly name: string;
  readonly target: string;
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly service: string | null;
  readonly protocol: string | null;
  readonly ttl_sec: number;
  readonly tag: string | null;
  readonly created: string;
  readonly updated: string;
}

export type Fields = Omit<StoredRecord, 'id' | 'created' | 'updated'>;

const TYPES = new Set(['A', 'AAAA', 'NS', 'MX', 'CNAME', 'TXT', 'SRV', 'PTR', 'CAA']);
/**
 * The documentation lists values from 300. Linode's own Cloud Manager offers 0, 30 and 120, so the
 * API accepts these, too (github.com/DNSControl/dnscontrol/issues/4821).
 */
const TTLS = [
  0, 30, 120, 300, 3600, 7200, 14_400, 28_800, 57_600, 86_400, 172_800, 345_600, 604_800, 1_209_600,
  2_419_200,
];
const CAA_TAGS = new Set(['issue', 'issuewild', 'iodef']);
const NAME_LENGTH = 100;
const LABEL = /^(?:\*|[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)$/i;

const NOTHING: Omit<Fields, 'type' | 'name' | 'target' | 'ttl_sec'> = {
  priority: 0,
  weight: 0,
  port: 0,
  service: null,
  protocol: null,
  tag: null,
};

/**
 * Validates a record of a POST or PUT and returns it as it is stored. Ignores unknown fields,
 * including the flags of CAA (github.com/DNSControl/dnscontrol/pull/4049). Throws Refusal.
 */
export function readFields(body: unknown, zone: string, before?: StoredRecord): Fields {
  const given = { ...NOTHING, ...before, ...asObject(body) };
  const type = String(given['type'] ?? '').toUpperCase();
  if (!TYPES.has(type)) throw invalid('type', `Must be one of ${[...TYPES].join(', ')}`);
  if (before && type !== before.type) throw invalid('type', 'type cannot be changed');
  return {
    ...NOTHING,
    type,
    name: ownerName(given['name'], zone),
    target: readTarget(type, given['target']),
    ttl_sec: readTtl(given['ttl_sec']),
    tag: type === 'CAA' ? readTag(given['tag']) : null,
    priority: Number(given['priority']),
    weight: Number(given['weight']),
    port: Number(given['port']),
  };
}

export function asObject(body: unknown): Readonly<Record<string, unknown>> {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw invalid('', 'Must be an object');
  // A JSON object has string keys and unknown values.
  return body as Readonly<Record<string, unknown>>;
}

/** Names are relative; an FQDN in the zone is accepted and stored as a relative name. */
function ownerName(value: unknown, zone: string): string {
  if (value === undefined || value === null || value === '') return '';
  if (typeof value !== 'string') throw invalid('name', 'Must be of type String');
  const name = value === zone ? '' : value.endsWith(`.${zone}`) ? value.slice(0, -zone.length - 1) : value;
  const fits = name.length <= NAME_LENGTH && name.split('.').every((label) => LABEL.test(label));
  if (name !== '' && !fits) throw invalid('name', 'Invalid name');
  return name;
}

/** Rounds other values up: 333 and 999 both become 3600 (DNSControl's tests against the API). */
function readTtl(value: unknown): number {
  const seconds = value ?? 0;
  if (typeof seconds !== 'number' || !Number.isInteger(seconds) || seconds < 0) {
    throw invalid('ttl_sec', 'Must be of type Integer');
  }
  return TTLS.find((ttl) => ttl >= seconds) ?? 2_419_200;
}

function readTag(value: unknown): string {
  if (typeof value === 'string' && CAA_TAGS.has(value)) return value;
  throw invalid('tag', `Must be one of ${[...CAA_TAGS].join(', ')}`);
}

function readTarget(type: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') throw invalid('target', 'target is required');
  switch (type) {
    case 'A':
      if (isIP(value) === 4) return value;
      throw invalid('target', 'Must be a valid IPv4 address');
    case 'AAAA':
      if (isIP(value) === 6) return value;
      throw invalid('target', 'Must be a valid IPv6 address');
    case 'CNAME':
    case 'NS':
    case 'MX':
      return hostName(value);
    case 'CAA':
      // github.com/DNSControl/dnscontrol, providers/linode/auditrecords.go
      if (!/\s/.test(value)) return value;
      throw invalid('target', 'Must not contain whitespace');
    default:
      return value;
  }
}

// Linode drops the final dot (github.com/linode/ansible_linode/issues/635).
function hostName(value: string): string {
  const name = value.replace(/\.$/, '');
  const labels = name.split('.');
  const fits = isIP(name) === 0 && labels.length > 1 && labels.every((label) => LABEL.test(label));
  if (!fits) throw invalid('target', 'Must be a valid domain');
  return name;
}

/**
 * What Linode's name servers answer for the record. `defaultTtl`, in seconds, replaces a TTL of 0.
 */
export function toZoneRecord(record: StoredRecord, zone: string, defaultTtl: number): ZoneRecord {
  const { type, target, ttl_sec, tag, priority, weight, port } = record;
  const name = record.name === '' ? zone : `${record.name}.${zone}`;
  const ttl = ttl_sec === 0 ? defaultTtl : ttl_sec;
  switch (type) {
    case 'TXT':
      return { name, type, ttl, data: inStrings(target) };
    case 'CAA':
      return { name, type, ttl, data: `0 ${tag} "${target}"` };
    case 'MX':
      return { name, type, ttl, data: `${priority} ${target}` };
    case 'SRV':
      return { name, type, ttl, data: `${priority} ${weight} ${port} ${target}` };
    default:
      return { name, type, ttl, data: target };
  }
}

/**
 * The characters are the value: Linode escapes quotes in the request
 * (ctrl.blog/entry/linode-dns-manager-txtquotes.html) and splits a value that is longer than one
 * string.
 */
function inStrings(target: string): string {
  const strings = target.match(/.{1,255}/gs) ?? [''];
  return strings.map((string) => `"${string.replace(/["\\]/g, '\\$&')}"`).join(' ');
}
