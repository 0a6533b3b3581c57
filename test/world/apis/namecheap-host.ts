import { isIP } from 'node:net';
import type { ZoneRecord } from '../dns/publisher.ts';
import { refusals } from './namecheap-answer.ts';

/** A host record with the attribute names of getHosts. */
export type StoredHost = {
  readonly HostId: string;
  readonly Name: string;
  readonly Type: string;
  readonly Address: string;
  readonly MXPref: string;
  readonly TTL: string;
  readonly AssociatedAppTitle: string;
  readonly FriendlyName: string;
  readonly IsActive: string;
  readonly IsDDNSEnabled: string;
} & Readonly<Record<string, string>>;

/** One host in a setHosts request; there are no other parameters. */
export interface SentHost {
  readonly name: string;
  readonly type: string;
  readonly address: string;
  readonly mxPref: string;
  readonly ttl: string;
}

const TYPES = new Set('A AAAA ALIAS CAA CNAME FRAME MX MXE NS TXT URL URL301'.split(' '));
const TARGETS = new Set(['ALIAS', 'CNAME', 'MX', 'NS']);
const LINKS = new Set(['URL', 'URL301', 'FRAME']);
const LABEL = /^(?:\*|[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)$/;
// https://www.namecheap.com/support/knowledgebase/article.aspx/10058/10/namecheap-dns-limits/
const NAME_LENGTH = 60;
const LENGTHS: Readonly<Record<string, number>> = { TXT: 2500 };
const OTHER_LENGTH = 255;
/** The value that an automatic TTL is read back as. */
const AUTOMATIC_TTL = '1799';

let lastId = 100_000;

/** Adds the attributes that every host has besides the given ones. */
export function complete(
  fields: Partial<StoredHost> & Pick<StoredHost, 'Name' | 'Type' | 'Address'>,
): StoredHost {
  lastId += 1;
  const { Name, Type, Address, ...others } = fields;
  return {
    HostId: String(lastId),
    Name,
    Type,
    Address,
    MXPref: '10',
    TTL: AUTOMATIC_TTL,
    AssociatedAppTitle: '',
    FriendlyName: '',
    IsActive: 'true',
    IsDDNSEnabled: 'false',
    ...others,
  };
}

/**
 * Validates one host of setHosts and returns it as it is stored: names in lower case, targets with
 * a final dot, CAA with quotes, a preference only for MX, and none of the flags that only the
 * website can set. Throws Refusal.
 */
export function storeHost({ name, type, address, mxPref, ttl }: SentHost): StoredHost {
  const owner = name.toLowerCase();
  const labels = owner === '@' ? [] : owner.split('.');
  if (owner.length > NAME_LENGTH || !labels.every((label) => LABEL.test(label))) {
    throw refusals.invalid(`INVALID_HOST : '${name}'`);
  }
  if (!TYPES.has(type)) throw refusals.invalid(`INVALID_RECORD_TYPE : '${type}'`);
  const seconds = ttl === '' ? AUTOMATIC_TTL : ttl;
  if (!/^\d+$/.test(seconds) || Number(seconds) < 60 || Number(seconds) > 60_000) {
    throw refusals.invalid(`INVALID_TTL : '${ttl}' for host '${name}'`);
  }
  if (address.length > (LENGTHS[type] ?? OTHER_LENGTH)) throw invalidAddress(name, address);
  return complete({
    Name: owner,
    Type: type,
    Address: storedAddress(name, type, address),
    MXPref: type === 'MX' ? mxPref || '10' : '10',
    TTL: seconds,
  });
}

function storedAddress(name: string, type: string, address: string): string {
  if (type === 'A' || type === 'MXE') return requireThat(isIP(address) === 4, name, address);
  if (type === 'AAAA') return requireThat(isIP(address) === 6, name, address);
  if (LINKS.has(type)) return requireThat(/^[a-z]+:\/\//.test(address), name, address);
  if (TARGETS.has(type)) {
    const target = address.replace(/\.$/, '');
    const fits = isIP(target) === 0 && target.split('.').every((label) => LABEL.test(label.toLowerCase()));
    return `${requireThat(fits, name, target)}.`;
  }
  if (type === 'CAA') return storedCaa(name, address);
  // DNSControl refuses quotes in Namecheap's TXT records because the API does not return them.
  return address.replaceAll('"', '');
}

function storedCaa(name: string, address: string): string {
  const [, flags, tag, value] = /^(\d{1,3}) ([a-z]+) "?([^\s"]+)"?$/.exec(address) ?? [];
  const fits = Number(flags) <= 255 && ['issue', 'issuewild', 'iodef'].includes(tag ?? '');
  if (!fits || (tag === 'iodef' && !/^(?:mailto:.+@|[a-z]+:\/\/)/.test(value ?? ''))) {
    throw refusals.invalid(`CAA record with tag "${tag}" has incorrect value. (host '${name}')`);
  }
  return `${flags} ${tag} "${value}"`;
}

function requireThat(fits: boolean, name: string, address: string): string {
  if (!fits) throw invalidAddress(name, address);
  return address;
}

function invalidAddress(name: string, address: string) {
  return refusals.invalid(`INVALID_ADDRESS : '${address}' for host '${name}'`);
}

/** What Namecheap's name servers answer for the host, if anything. */
export function toZoneRecord(host: StoredHost, domain: string): ZoneRecord[] {
  const { Name, Type, Address, MXPref, TTL } = host;
  const name = Name === '@' ? domain : `${Name}.${domain}`;
  const record = (type: string, data: string) => [{ name, type, ttl: Number(TTL), data }];
  // Stored and shown on the website, but never answered.
  if (Type === 'CNAME' && Address.startsWith('_')) return [];
  if (Type === 'TXT') return record('TXT', quoted(Address));
  if (Type === 'MX') return record('MX', `${MXPref} ${Address}`);
  // The redirect server; this world needs neither aliases at the apex nor mail to an address.
  if (LINKS.has(Type)) return record('A', '192.0.2.80');
  return Type === 'ALIAS' || Type === 'MXE' ? [] : record(Type, Address);
}

function quoted(text: string): string {
  const bytes = Buffer.from(text);
  const octet = (value: number) => {
    const character = String.fromCharCode(value);
    if (character === '"' || character === '\\') return `\\${character}`;
    return value >= 0x20 && value <= 0x7e ? character : `\\${String(value).padStart(3, '0')}`;
  };
  const strings: string[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += 255) {
    strings.push(`"${Array.from(bytes.subarray(at, at + 255), octet).join('')}"`);
  }
  return strings.join(' ');
}
