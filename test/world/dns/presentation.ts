import type { Answer, CaaData } from 'dns-packet';
import type { ZoneRecord } from './publisher.ts';

const LONGEST_STRING = 255;

/** Normalizes an owner name or a target for comparison: lower case, no trailing dot. */
export function bareName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

/**
 * Normalizes a record: a bare name, and data that BIND reads as intended, with absolute names and
 * strings of at most 255 octets.
 */
export function normalize(record: ZoneRecord): ZoneRecord {
  const { name, type, ttl, data } = record;
  return {
    name: bareName(name),
    type: type.toUpperCase(),
    ttl,
    data: normalizeData(type.toUpperCase(), data),
  };
}

function normalizeData(type: string, data: string): string {
  if (type === 'TXT') return txtStrings(data).map(quote).join(' ');
  if (type === 'CNAME' || type === 'NS') return `${bareName(data)}.`;
  if (type === 'MX') {
    const [preference = '', exchange = ''] = data.trim().split(/\s+/);
    return `${preference} ${bareName(exchange)}.`;
  }
  return data;
}

/**
 * The character-strings (RFC 1035 §3.3.14) of a TXT record: the quoted ones, or the complete text
 * if it does not begin with a quote. Strings longer than 255 octets are split.
 */
function txtStrings(data: string): Buffer[] {
  const strings = data.trimStart().startsWith('"') ? tokens(data) : [Buffer.from(data)];
  return strings.flatMap((string) => {
    const pieces = Math.max(1, Math.ceil(string.length / LONGEST_STRING));
    return Array.from({ length: pieces }, (_, at) =>
      string.subarray(at * LONGEST_STRING, (at + 1) * LONGEST_STRING),
    );
  });
}

/** One record for dns-packet. Throws for a type that this world cannot serve. */
export function toAnswer({ type, ttl, data }: ZoneRecord, name: string): Answer {
  const [first = '', second = '', third = ''] = tokens(data).map(String);
  switch (type) {
    case 'A':
    case 'AAAA':
      return { name, type, ttl, data: first };
    case 'CNAME':
    case 'NS':
      return { name, type, ttl, data: bareName(first) };
    case 'MX':
      return { name, type, ttl, data: { preference: Number(first), exchange: bareName(second) } };
    case 'TXT':
      return { name, type, ttl, data: txtStrings(data) };
    case 'CAA':
      return { name, type, ttl, data: { flags: Number(first), tag: caaTag(second), value: third } };
    default:
      throw new Error(`this world cannot serve a ${type} record (${name})`);
  }
}

function caaTag(tag: string): CaaData['tag'] {
  if (tag === 'issue' || tag === 'issuewild' || tag === 'iodef') return tag;
  throw new Error(`unknown CAA tag ${tag}`);
}

/**
 * The words of presentation format (RFC 1035 §5.1), quoted or not, with `\c` and `\DDD` decoded.
 */
function tokens(data: string): Buffer[] {
  const words = data.matchAll(/"((?:[^"\\]|\\.)*)"|((?:[^\s"\\]|\\.)+)/gs);
  return Array.from(words, ([, quoted, bare = '']) => unescaped(quoted ?? bare));
}

function unescaped(text: string): Buffer {
  const parts = Array.from(text.matchAll(/\\(\d{3})|\\(.)|([^\\]+)/gs), ([, decimal, escaped, plain]) =>
    decimal === undefined ? Buffer.from(escaped ?? plain ?? '') : Buffer.of(Number(decimal)),
  );
  return Buffer.concat(parts);
}

function quote(string: Buffer): string {
  const octet = (value: number) => {
    const character = String.fromCharCode(value);
    if (value < 0x20 || value > 0x7e) return `\\${String(value).padStart(3, '0')}`;
    return character === '"' || character === '\\' ? `\\${character}` : character;
  };
  return `"${Array.from(string, octet).join('')}"`;
}
