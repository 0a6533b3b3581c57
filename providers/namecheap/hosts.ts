import { canonicalName } from '../../src/dns/name.ts';
import type { ApiHost, ApiHosts } from './answers.ts';
import type { DomainParts } from './suffix.ts';

/**
 * Reads a zone from getHosts, and finds what setHosts cannot write back. A write replaces the whole
 * zone, so whatever setHosts cannot express would be lost by any write. It is collected in
 * `unwritable`, and the zone is not written. Pure.
 */

/** One host record with the API's own values. */
export interface Host {
  /** Assigned by the API; changes with every write. */
  readonly id?: string | undefined;
  /** Relative to the domain; `@` for the domain itself. */
  readonly name: string;
  readonly type: string;
  readonly address: string;
  readonly mxPref: string | undefined;
  /** Seconds. */
  readonly ttl: string;
}

/** A whole zone as read by getHosts. */
export interface HostZone {
  readonly domain: string;
  readonly emailType: string;
  readonly hosts: readonly Host[];
  /** What a write would lose or change. */
  readonly unwritable: readonly Unwritable[];
}

// Both lists: https://www.namecheap.com/support/api/methods/domains-dns/set-hosts/. NONE and GMAIL
// are in Namecheap's own API client only.
const TYPES = new Set('A AAAA ALIAS CAA CNAME FRAME MX MXE NS TXT URL URL301'.split(' '));
const EMAIL_TYPES = new Set(['NONE', 'MXE', 'MX', 'FWD', 'OX', 'GMAIL']);

const ZONE_PARTS = new Set(['@Domain', '@EmailType', '@IsUsingOurDNS', 'host', 'Host']);
const HOST_PARTS = new Set(
  '@HostId @Name @Type @Address @MXPref @TTL @AssociatedAppTitle @FriendlyName @IsActive @IsDDNSEnabled'.split(
    ' ',
  ),
);

/** The mail exchanges that Namecheap generates for an email type: its own, and Google's. */
const MADE_FOR: Readonly<Record<string, RegExp>> = {
  OX: /\.privateemail\.com\.?$/i,
  GMAIL: /\.(?:google|googlemail)\.com\.?$/i,
};

/** Why setHosts cannot write something back. `duplicate`: two hosts that the API would merge. */
export type UnwritableReason =
  | 'unknown-part'
  | 'unknown-type'
  | 'unknown-email-type'
  | 'dynamic'
  | 'inactive'
  | 'app'
  | 'quote'
  | 'malformed'
  | 'ttl'
  | 'mail'
  | 'duplicate';

/** Something that a write could not send back. */
export interface Unwritable {
  /** The host that has it; undefined if the zone itself has it. */
  readonly host: Host | undefined;
  /** The host that it duplicates: without either of the two, the zone can be written. */
  readonly twin?: Host;
  readonly reason: UnwritableReason;
  /** The reason as a sentence for the user. */
  readonly words: string;
}

export const LEAST_TTL = 60;
export const MOST_TTL = 60_000;

/** Reads the zone from the response of getHosts. */
export function understand(result: ApiHosts): HostZone {
  const given = [...(result.host ?? []), ...(result.Host ?? [])];
  const emailType = textOf(result['@EmailType']) ?? '';
  const hosts = given.map(toHost);
  return {
    domain: canonicalName(result['@Domain']),
    emailType,
    hosts,
    unwritable: [
      ...unknownParts(result, ZONE_PARTS).map((part) =>
        ofZone('unknown-part', `the zone has ${part}, which is not known`),
      ),
      ...(EMAIL_TYPES.has(emailType)
        ? []
        : [ofZone('unknown-email-type', `the email type "${emailType}" is not known`)]),
      ...hosts.flatMap((host, index) =>
        [...problemsOf(given[index], host), ...mailProblems(host, emailType)].map((problem) => ({
          host,
          ...problem,
        })),
      ),
      ...duplicates(hosts),
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

/** A host in messages: `www A 192.0.2.1`. */
export function describeHost({ name, type, address }: Host): string {
  return `${name} ${type} ${address.length > 60 ? `${address.slice(0, 60)}…` : address}`;
}

function ofZone(reason: UnwritableReason, words: string): Unwritable {
  return { host: undefined, reason, words };
}

type Problem = Pick<Unwritable, 'reason' | 'words'>;

function problemsOf(given: ApiHost | undefined, host: Host): Problem[] {
  if (!given) return [];
  const problems: Problem[] = unknownParts(given, HOST_PARTS).map((part) => ({
    reason: 'unknown-part',
    words: `has ${part}, which is not known`,
  }));
  const add = (reason: UnwritableReason, words: string) => void problems.push({ reason, words });
  if (!TYPES.has(host.type)) add('unknown-type', 'is of an unknown type');
  if (isSet(given, '@IsDDNSEnabled'))
    add('dynamic', 'is a dynamic DNS record, and any write would make it a static one');
  if (given['@IsActive'] !== undefined && !isSet(given, '@IsActive')) add('inactive', 'is not active');
  const app = textOf(given['@AssociatedAppTitle']) ?? '';
  if (app.trim() !== '') add('app', `belongs to the app "${app}"`);
  if (host.type === 'TXT' && host.address.includes('"'))
    add('quote', 'contains a double quote, which the API does not store');
  if (!host.address.isWellFormed()) add('malformed', 'contains half a character');
  const ttl = Number(host.ttl);
  if (ttl < LEAST_TTL || ttl > MOST_TTL) add('ttl', `has the TTL ${host.ttl}, which the API does not accept`);
  return problems.map(({ reason, words }) => ({ reason, words: `${describeHost(host)} ${words}` }));
}

/** Whether Namecheap generates the host with every write. */
export function isMade({ name, type, address }: Host, emailType: string): boolean {
  return type === 'MX' && name === '@' && (MADE_FOR[emailType]?.test(address) ?? false);
}

/** A write drops a mail record whose email type is not the zone's. */
function mailProblems(host: Host, emailType: string): Problem[] {
  const { type, mxPref } = host;
  const fits =
    type === 'MX'
      ? /^\d{1,5}$/.test(mxPref ?? '') && (emailType === 'MX' || isMade(host, emailType))
      : type !== 'MXE' || emailType === 'MXE';
  return fits
    ? []
    : [
        {
          reason: 'mail',
          words: `${describeHost(host)} does not go with the email type ${emailType} and preference ${mxPref}`,
        },
      ];
}

/** Of two hosts that differ only in preference or TTL, the API keeps one. */
function duplicates(hosts: readonly Host[]): Unwritable[] {
  const seen = new Map<string, Host>();
  return hosts.flatMap((host) => {
    const { name, type, address, ttl } = host;
    const key = `${name.toLowerCase()} ${type} ${type === 'TXT' ? address : address.toLowerCase()}`;
    const twin = seen.get(key);
    seen.set(key, host);
    if (!twin) return [];
    const preferences = type === 'MX' && twin.mxPref !== host.mxPref;
    if (!preferences && twin.ttl === ttl) return [];
    const words = `${describeHost(host)} is there twice, with different ${preferences ? 'preferences' : 'TTLs'}`;
    return [{ host, twin, reason: 'duplicate', words } satisfies Unwritable];
  });
}

/** The unknown parts of an object. Whitespace between elements is ignored. */
function unknownParts(object: Readonly<Record<string, unknown>>, known: ReadonlySet<string>): string[] {
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

/** The parameters of a call, in their order. */
export type Form = readonly (readonly [key: string, value: string])[];

/**
 * The call that replaces the whole zone with these hosts
 * (https://www.namecheap.com/support/api/methods/domains-dns/set-hosts/).
 */
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

/** The form as the body of a request. */
export function encodeForm(form: Form): string {
  return form.map(encodePart).join('&');
}

/**
 * The same form with one parameter per line, readable and ready for `curl --data @FILE`: curl
 * removes line breaks, so each line begins with the separator.
 */
export function formLines(form: Form): string {
  return `${form.map(encodePart).join('\n&')}\n`;
}

function encodePart([key, value]: readonly [string, string]): string {
  return `${encodeURIComponent(key)}=${encodeURIComponent(value)}`;
}
