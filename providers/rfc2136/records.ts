import { isIPv4, isIPv6 } from 'node:net';
import { canonicalName, isWithin } from '../../src/dns/name.ts';
import { shortestIpv6 } from '../../src/dns/presentation.ts';
import { type DnsRecord, formatCaa, parseCaa } from '../../src/dns/record.ts';
import { IngressError } from '../../src/errors.ts';
import { type Decoded, encodeName, readName, TYPES, type WireRecord } from './wire.ts';

/**
 * Converts the data of records (RFC 1035 §3.3, RFC 3596, RFC 8659) to canonical text and back.
 * Pure.
 */

// A character-string is a length octet and at most 255 octets.
const STRING_OCTETS = 255;
/** The greatest TTL (RFC 2181 §8). */
const MOST_TTL = 2_147_483_647;

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(TYPES).map(([name, number]) => [number, name]),
);
const NUMBERS: ReadonlyMap<string, number> = new Map(Object.entries(TYPES));

/** A name server serves any TTL as it was written. */
export function normalizeTtl(seconds: number): number {
  return Math.min(MOST_TTL, Math.max(0, Math.round(seconds)));
}

/** The type's mnemonic, or `TYPE65280` (RFC 3597 §5). */
export function typeName(type: number): string {
  return NAMES.get(type) ?? `TYPE${type}`;
}

/**
 * The reverse of `typeName`. Throws PROVIDER_REJECTED for a type that this program does not know.
 */
export function typeNumber(name: string): number {
  const number = NUMBERS.get(name) ?? Number(/^TYPE(\d{1,5})$/.exec(name)?.[1]);
  if (Number.isInteger(number)) return number;
  throw new IngressError('PROVIDER_REJECTED', `${name} is not a type that can be written`);
}

/**
 * Converts a record of the zone to canonical form. Throws a RangeError for data that does not fit
 * its type.
 */
export function toRecord({ name, type, ttl, data }: WireRecord): DnsRecord {
  return { name: canonicalName(name), type: typeName(type), value: toValue(type, data), ttl };
}

function toValue(type: number, data: Buffer): string {
  switch (type) {
    case TYPES.A:
      return data.join('.');
    case TYPES.AAAA:
      return shortestIpv6((data.toString('hex').match(/.{4}/g) ?? []).join(':'));
    case TYPES.NS:
    case TYPES.CNAME:
    case TYPES.PTR:
    case TYPES.DNAME:
      return canonicalName(readName(data, 0).name);
    case TYPES.MX:
      return `${data.readUInt16BE(0)} ${canonicalName(readName(data, 2).name)}`;
    case TYPES.SRV: {
      const numbers = [0, 2, 4].map((at) => data.readUInt16BE(at));
      return `${numbers.join(' ')} ${canonicalName(readName(data, 6).name)}`;
    }
    case TYPES.TXT:
      return Buffer.concat(strings(data)).toString('utf8');
    case TYPES.CAA: {
      const end = 2 + data.readUInt8(1);
      return formatCaa(data.readUInt8(0), data.toString('latin1', 2, end), data.toString('utf8', end));
    }
    default:
      return `\\# ${data.length} ${data.toString('hex')}`;
  }
}

function strings(data: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < data.length; ) {
    const end = at + 1 + data.readUInt8(at);
    if (end > data.length) throw new RangeError('a character-string that goes beyond its record');
    found.push(data.subarray(at + 1, end));
    at = end;
  }
  return found;
}

/**
 * Encodes the data of a record. Throws PROVIDER_REJECTED for a type or value that cannot be
 * written.
 */
export function toData({ name, type, value }: DnsRecord): Buffer {
  switch (type) {
    case 'A':
      if (isIPv4(value)) return Buffer.from(value.split('.').map(Number));
      break;
    case 'AAAA':
      if (isIPv6(value)) return ipv6Octets(value);
      break;
    case 'CNAME':
      return encodeName(value);
    case 'TXT':
      return txtOctets(Buffer.from(value, 'utf8'));
    case 'CAA': {
      const caa = parseCaa(value);
      if (!caa) break;
      const tag = Buffer.from(caa.tag, 'latin1');
      return Buffer.concat([Buffer.of(caa.flags, tag.length), tag, Buffer.from(caa.value, 'utf8')]);
    }
    default:
      throw new IngressError('PROVIDER_REJECTED', `${name} ${type} is of a type that is never written`);
  }
  throw new IngressError('PROVIDER_REJECTED', `${name} ${type} cannot be ${JSON.stringify(value)}`);
}

function ipv6Octets(address: string): Buffer {
  const [head = '', tail] = shortestIpv6(address).split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const [left, right] = [groups(head), groups(tail ?? '')];
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  const all = [...left, ...zeros, ...right];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function txtOctets(octets: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let start = 0; start === 0 || start < octets.length; start += STRING_OCTETS) {
    const part = octets.subarray(start, start + STRING_OCTETS);
    parts.push(Buffer.of(part.length), part);
  }
  return Buffer.concat(parts);
}

/** Finds the zone of a name by the server's responses. Pure. */

const NOERROR = 0;
const NXDOMAIN = 3;

/**
 * The apex of the zone that the server used to answer an SOA query: the response has the SOA record
 * of the name itself, or in the authority section that of its zone (RFC 2308 §2). Undefined if the
 * response is not authoritative, or if an alias leads to another zone; then the name is not an
 * apex, and its parent is queried.
 */
export function apexOf(
  name: string,
  { rcode, isAuthoritative, answers, authorities }: Decoded,
): string | undefined {
  if (!isAuthoritative || (rcode !== NOERROR && rcode !== NXDOMAIN)) return undefined;
  const section = answers.length > 0 ? answers : authorities;
  const soa = section.find(({ type }) => type === TYPES.SOA);
  const owner = soa && canonicalName(soa.name);
  if (owner === undefined || !isWithin(name, owner)) return undefined;
  return answers.length === 0 || owner === name ? owner : undefined;
}

/** The delegation above a name in a zone: the nearest to the apex, at the name itself included. */
export function cutAbove(name: string, apex: string, cuts: readonly string[]): string | undefined {
  return cuts
    .filter((cut) => cut !== apex && isWithin(cut, apex) && isWithin(name, cut))
    .toSorted((a, b) => a.length - b.length)[0];
}
