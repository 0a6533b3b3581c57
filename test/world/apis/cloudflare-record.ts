import { isIP } from 'node:net';
import type { ZoneRecord } from '../dns/publisher.ts';
import { invalid, refusals } from './cloudflare-refusal.ts';

/** A record as Cloudflare's API returns it. */
export interface StoredRecord {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly content: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly priority?: number;
  readonly ttl: number;
  readonly proxied: boolean;
  readonly proxiable: boolean;
  readonly comment: string | null;
  readonly tags: readonly string[];
  readonly settings: Readonly<Record<string, unknown>>;
  readonly created_on: string;
  readonly modified_on: string;
}

export type Fields = Pick<StoredRecord, 'name' | 'type' | 'content' | 'ttl' | 'proxied' | 'comment'> &
  Partial<Pick<StoredRecord, 'data' | 'priority' | 'tags' | 'settings'>>;

const AUTOMATIC_TTL = 1;
const PROXIABLE = new Set(['A', 'AAAA', 'CNAME']);
const CAA_TAGS = new Set(['issue', 'issuewild', 'iodef', 'issuemail', 'issuevmc']);
const COMMENT_LENGTH = 100;
const LABEL = /^(?:\*|[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)$/;

/**
 * Validates a record of a POST or PUT and returns it as it is stored. Ignores unknown fields, as
 * the API does. Throws Refusal.
 */
export function readFields(body: unknown, zone: string): Fields {
  const fields = asObject(body);
  const type = text(fields['type'], 'type is a required data field').toUpperCase();
  const name = ownerName(fields['name'], zone);
  const proxied = fields['proxied'] === true;
  if (proxied && !PROXIABLE.has(type)) throw invalid('This record type cannot be proxied.', 9004);
  const ttl = proxied ? AUTOMATIC_TTL : readTtl(fields['ttl'] ?? AUTOMATIC_TTL);
  return { name, type, ...readContent(type, fields), ttl, proxied, comment: readComment(fields['comment']) };
}

export function asObject(body: unknown): Readonly<Record<string, unknown>> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw refusals.body();
  // A JSON object has string keys and unknown values.
  return body as Readonly<Record<string, unknown>>;
}

function text(value: unknown, complaint: string): string {
  if (typeof value !== 'string' || value === '') throw invalid(complaint);
  return value;
}

/**
 * Names are relative unless they end in the zone's name, so a record can land at an unintended
 * name.
 */
function ownerName(value: unknown, zone: string): string {
  const given = text(value, 'DNS name is invalid.').toLowerCase().replace(/\.$/, '');
  const inZone = given === zone || given.endsWith(`.${zone}`);
  const name = given === '@' ? zone : inZone ? given : `${given}.${zone}`;
  if (name.length > 253 || !name.split('.').every((label) => LABEL.test(label))) {
    throw invalid('DNS name is invalid.', 9000);
  }
  return name;
}

function readTtl(value: unknown): number {
  const fits = typeof value === 'number' && (value === AUTOMATIC_TTL || (value >= 60 && value <= 86_400));
  if (!fits || !Number.isInteger(value)) {
    throw invalid('TTL must be between 60 and 86400 seconds, or 1 for Automatic.', 9021);
  }
  return value;
}

function readComment(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string' || value.length > COMMENT_LENGTH) {
    throw invalid(`DNS record comment exceeds the maximum length of ${COMMENT_LENGTH} characters.`);
  }
  return value;
}

function readContent(
  type: string,
  fields: Readonly<Record<string, unknown>>,
): Pick<Fields, 'content' | 'data' | 'priority'> {
  if (type === 'CAA') return readCaa(fields['data']);
  const content = text(fields['content'], `Content for ${type} record is missing.`);
  switch (type) {
    case 'A':
      if (isIP(content) === 4) return { content };
      throw invalid('Content for A record must be a valid IPv4 address.', 9005);
    case 'AAAA':
      if (isIP(content) === 6) return { content: content.toLowerCase() };
      throw invalid('Content for AAAA record must be a valid IPv6 address.', 9006);
    case 'CNAME':
    case 'NS':
      return { content: hostName(content, type) };
    case 'MX':
      return { content: hostName(content, type), priority: Number(fields['priority'] ?? 0) };
    case 'TXT':
      if (!content.startsWith('"') || isQuoted(content)) return { content };
      throw invalid('Content for TXT record is invalid: quotes do not match.');
    default:
      throw invalid('Invalid DNS record type', 9020);
  }
}

function readCaa(value: unknown): Pick<Fields, 'content' | 'data'> {
  if (value === undefined) throw invalid('CAA records need data.', 9036);
  const { flags, tag, value: issuer } = asObject(value);
  const fits = typeof flags === 'number' && Number.isInteger(flags) && flags >= 0 && flags <= 255;
  if (!fits || typeof tag !== 'string' || !CAA_TAGS.has(tag) || typeof issuer !== 'string') {
    throw invalid('CAA data is invalid.', 9036);
  }
  return { content: `${flags} ${tag} "${issuer}"`, data: { flags, tag, value: issuer } };
}

function hostName(content: string, type: string): string {
  const name = content.toLowerCase().replace(/\.$/, '');
  const fits = isIP(name) === 0 && name.length <= 253 && name.split('.').every((label) => LABEL.test(label));
  if (!fits || name.startsWith('*')) throw invalid(`Content for ${type} record is invalid.`, 9007);
  return name;
}

const STRINGS = /^"(?:[^"\\]|\\.)*"(?: +"(?:[^"\\]|\\.)*")*$/s;

function isQuoted(content: string): boolean {
  return STRINGS.test(content);
}

/**
 * The content of a TXT record as later reads return it: quoted, in strings of at most 255 bytes.
 */
export function settleContent({ type, content }: Pick<Fields, 'type' | 'content'>): string {
  if (type !== 'TXT') return content;
  const whole = isQuoted(content)
    ? content.slice(1, -1).replace(/" +"/g, '')
    : content.replace(/["\\]/g, '\\$&');
  // A string is cut only after a complete escape.
  const strings = whole.match(/(?:\\\d{3}|\\.|[^\\]){1,255}/gs) ?? [''];
  return strings.map((string) => `"${string}"`).join(' ');
}

/** What Cloudflare's name servers answer for the record. */
export function toZoneRecord(record: StoredRecord): ZoneRecord {
  const { name, type, content, proxied, priority } = record;
  const ttl = record.ttl === AUTOMATIC_TTL ? 300 : record.ttl;
  // One of the addresses that the proxy announces.
  if (proxied) return { name, type: 'A', ttl, data: '104.16.0.1' };
  return { name, type, ttl, data: priority === undefined ? content : `${priority} ${content}` };
}
