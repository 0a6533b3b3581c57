import { canonicalName } from '../../src/dns/name.ts';
import type { ApiHost, ApiHosts } from './answers.ts';
import type { DomainParts } from './suffix.ts';

/**
 * A zone as getHosts gives it, and whether setHosts could give it back. A write replaces the whole zone, so what
 * setHosts has no word for would be lost by any write at all: it is collected in `strange`, and nothing is written. Pure.
 */

/** One host record in the API's own words. */
export interface Host {
  /** The API's own number; another one after every write. */
  readonly id?: string | undefined;
  /** Relative to the domain; `@` for the domain itself. */
  readonly name: string;
  readonly type: string;
  readonly address: string;
  readonly mxPref: string | undefined;
  /** Seconds. */
  readonly ttl: string;
}

export interface HostZone {
  readonly domain: string;
  readonly emailType: string;
  readonly hosts: readonly Host[];
  /** What a write would lose or change, each in words for a person. */
  readonly unwritable: readonly Unwritable[];
}

// Both lists: https://www.namecheap.com/support/api/methods/domains-dns/set-hosts/, and for NONE and GMAIL the API's own client.
const TYPES = new Set('A AAAA ALIAS CAA CNAME FRAME MX MXE NS TXT URL URL301'.split(' '));
const EMAIL_TYPES = new Set(['NONE', 'MXE', 'MX', 'FWD', 'OX', 'GMAIL']);

const ZONE_PARTS = new Set(['@Domain', '@EmailType', '@IsUsingOurDNS', 'host', 'Host']);
const HOST_PARTS = new Set(
  '@HostId @Name @Type @Address @MXPref @TTL @AssociatedAppTitle @FriendlyName @IsActive @IsDDNSEnabled'.split(
    ' ',
  ),
);

/** The exchanges of Namecheap's own and of Google's mail. */
const MADE_FOR: Readonly<Record<string, RegExp>> = {
  OX: /\.privateemail\.com\.?$/i,
  GMAIL: /\.(?:google|googlemail)\.com\.?$/i,
};

/** Something that a write could not send back. */
export interface Unwritable {
  /** Whose it is; undefined for the zone's own. */
  readonly host: Host | undefined;
  /** Without this one, it is nothing to complain of. */
  readonly twin?: Host;
  readonly words: string;
}

export const LEAST_TTL = 60;
export const MOST_TTL = 60_000;

export function understand(result: ApiHosts): HostZone {
  const given = [...(result.host ?? []), ...(result.Host ?? [])];
  const emailType = textOf(result['@EmailType']) ?? '';
  const hosts = given.map(toHost);
  return {
    domain: canonicalName(result['@Domain']),
    emailType,
    hosts,
    unwritable: [
      ...strangeParts(result, ZONE_PARTS).map((part) => ofZone(`the zone has ${part}, which is not known`)),
      ...(EMAIL_TYPES.has(emailType) ? [] : [ofZone(`the email type "${emailType}" is not known`)]),
      ...hosts.flatMap((host, index) =>
        [...strangeHost(given[index], host), ...strangeMail(host, emailType)].map((words) => ({
          host,
          words,
        })),
      ),
      ...rivals(hosts),
    ],
  };
}

function toHost(host: ApiHost): Host {
  return {
    id: textOf(host['@HostId']),
    name: host['@Name'],
    type: host['@Type'],
    address: host['@Address'],
    mxPref: textOf(host['@MXPref']),
    ttl: host['@TTL'],
  };
}

/** A host in a few words, for messages. */
export function describeHost({ name, type, address }: Host): string {
  return `${name} ${type} ${address.length > 60 ? `${address.slice(0, 60)}…` : address}`;
}

function ofZone(words: string): Unwritable {
  return { host: undefined, words };
}

function strangeHost(given: ApiHost | undefined, host: Host): string[] {
  if (!given) return [];
  const what: string[] = strangeParts(given, HOST_PARTS).map((part) => `has ${part}, which is not known`);
  if (!TYPES.has(host.type)) what.push('is of a type that is not known');
  if (isSet(given, '@IsDDNSEnabled'))
    what.push('is a dynamic DNS record, and any write would make it a static one');
  if (given['@IsActive'] !== undefined && !isSet(given, '@IsActive')) what.push('is not active');
  const app = textOf(given['@AssociatedAppTitle']) ?? '';
  if (app.trim() !== '') what.push(`belongs to the app "${app}"`);
  if (host.type === 'TXT' && host.address.includes('"'))
    what.push('holds a double quote, which the API does not keep');
  if (!host.address.isWellFormed()) what.push('holds half a character');
  const ttl = Number(host.ttl);
  if (ttl < LEAST_TTL || ttl > MOST_TTL) what.push(`has the TTL ${host.ttl}, which the API does not take`);
  return what.map((words) => `${describeHost(host)} ${words}`);
}

/** Whether Namecheap itself puts the host there, and makes it anew with every write. */
export function isMade({ name, type, address }: Host, emailType: string): boolean {
  return type === 'MX' && name === '@' && (MADE_FOR[emailType]?.test(address) ?? false);
}

/** Without the email type that goes with it, a mail record is dropped by a write. */
function strangeMail(host: Host, emailType: string): string[] {
  const { type, mxPref } = host;
  const fits =
    type === 'MX'
      ? /^\d{1,5}$/.test(mxPref ?? '') && (emailType === 'MX' || isMade(host, emailType))
      : type !== 'MXE' || emailType === 'MXE';
  return fits
    ? []
    : [`${describeHost(host)} does not go with the email type ${emailType} and preference ${mxPref}`];
}

/** Of two records that differ in nothing but the preference or the TTL, the API keeps one. */
function rivals(hosts: readonly Host[]): Unwritable[] {
  const seen = new Map<string, Host>();
  return hosts.flatMap((host) => {
    const { name, type, address, ttl } = host;
    const key = `${name.toLowerCase()} ${type} ${type === 'TXT' ? address : address.toLowerCase()}`;
    const before = seen.get(key);
    seen.set(key, host);
    if (!before) return [];
    const preferences = type === 'MX' && before.mxPref !== host.mxPref;
    if (!preferences && before.ttl === ttl) return [];
    const words = `${describeHost(host)} is there twice, with different ${preferences ? 'preferences' : 'TTLs'}`;
    // Without either of the two there is nothing to complain of.
    return [{ host, rival: before, words }];
  });
}

/** The parts that are not known; whitespace between elements is none. */
function strangeParts(object: Readonly<Record<string, unknown>>, known: ReadonlySet<string>): string[] {
  return Object.entries(object).flatMap(([key, value]) => {
    if (known.has(key) || (key === '#text' && textOf(value)?.trim() === '')) return [];
    return [key.startsWith('@') ? `the attribute ${key.slice(1)}` : `the element ${key}`];
  });
}

function isSet(host: ApiHost, key: string): boolean {
  return textOf(host[key])?.toLowerCase() === 'true';
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Requests as forms. Pure. */

export type Form = readonly (readonly [key: string, value: string])[];

/** The call that makes these hosts the whole zone (https://www.namecheap.com/support/api/methods/domains-dns/set-hosts/). */
export function setHostsForm({ sld, tld }: DomainParts, emailType: string, hosts: readonly Host[]): Form {
  const parts = hosts.flatMap(({ name, type, address, mxPref, ttl }, index): [string, string][] => {
    const n = index + 1;
    return [
      [`HostName${n}`, name],
      [`RecordType${n}`, type],
      [`Address${n}`, address],
      ...(mxPref === undefined ? [] : [[`MXPref${n}`, mxPref] satisfies [string, string]]),
      [`TTL${n}`, ttl],
    ];
  });
  const command = 'namecheap.domains.dns.setHosts';
  return [['Command', command], ['SLD', sld], ['TLD', tld], ['EmailType', emailType], ...parts];
}

export function encodeForm(form: Form): string {
  return form.map(encodePart).join('&');
}

/**
 * The same form, one parameter on each line, for a person to read and for `curl --data @FILE` to send: curl leaves out the
 * line breaks, so each line begins with the separator.
 */
export function formLines(form: Form): string {
  return `${form.map(encodePart).join('\n&')}\n`;
}

function encodePart([key, value]: readonly [string, string]): string {
  return `${encodeURIComponent(key)}=${encodeURIComponent(value)}`;
}
