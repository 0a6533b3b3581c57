import { parseCertificateName } from '../dns/name.ts';
import { type Endpoint, parseEndpoint } from './endpoint.ts';
import { adviseOnName, type Complaint } from './name-advice.ts';
import { quote } from './quote.ts';

/** Lists in one variable. Every wrong entry is reported by itself. Pure. */

/** Entries separated by line breaks or commas. `#` starts a comment that extends to the end of the line. */
export function entriesOf(text: string): string[] {
  return linesOf(text)
    .flatMap((line) => line.split(','))
    .map((entry) => entry.trim())
    .filter(Boolean);
}

function linesOf(text: string): string[] {
  return text.split(/\r?\n/).map((line) => line.replace(/#.*$/, ''));
}

/** Parses DOMAINS or ALIAS_DOMAIN; each name appears once. */
export function parseNames(text: string): string[] | { wrong: Complaint[] } {
  const names = new Set<string>();
  const wrong: Complaint[] = [];
  for (const entry of entriesOf(text)) {
    const name = parseCertificateName(entry);
    if (name === undefined) wrong.push(notAName(entry));
    else names.add(name);
  }
  return wrong.length > 0 ? { wrong } : [...names];
}

function notAName(entry: string): Complaint {
  return { problem: `contains something that is not a domain name: ${quote(entry)}`, ...adviseOnName(entry) };
}

/** Names that share one certificate, each once, in the order written. */
export type CertGroup = readonly [string, ...string[]];

/**
 * Parses CERT_GROUPS: groups separated by line breaks or `;`, the names of a group by commas or spaces. `#` begins a
 * comment that goes to the end of the line.
 */
export function parseGroups(text: string): CertGroup[] | { wrong: Complaint[] } {
  const groups: CertGroup[] = [];
  const taken = new Set<string>();
  const wrong = new Map<string, Complaint>();
  for (const entry of groupEntriesOf(text)) {
    const words = entry.split(/[\s,]+/).filter(Boolean);
    for (const word of words) {
      const problem = whyNotInGroup(word, taken, entry);
      if (problem && !wrong.has(problem.about)) wrong.set(problem.about, problem);
    }
    const names = new Set(words.flatMap((word) => parseCertificateName(word) ?? []));
    for (const name of names) taken.add(name);
    const [first, ...others] = names;
    if (first !== undefined) groups.push([first, ...others]);
  }
  return wrong.size > 0 ? { wrong: [...wrong.values()] } : groups;
}

/** `about` is the same for the same mistake, so that each is reported once. */
function whyNotInGroup(
  word: string,
  taken: ReadonlySet<string>,
  entry: string,
): (Complaint & { about: string }) | undefined {
  const name = parseCertificateName(word);
  if (name === undefined) return { about: word, ...notAName(word) };
  return taken.has(name)
    ? { about: name, problem: `has ${name} in two groups; the second is ${quote(entry)}` }
    : undefined;
}

function groupEntriesOf(text: string): string[] {
  return linesOf(text)
    .flatMap((line) => line.split(';'))
    .map((entry) => entry.trim());
}

/** The endpoint of each name in ROUTING_MAP. */
export type RoutingMap = ReadonlyMap<string, Endpoint>;

/** Parses the `name=endpoint` entries of ROUTING_MAP. */
export function parseRoutingMap(text: string): RoutingMap | { wrong: Complaint[] } {
  const map = new Map<string, Endpoint>();
  const wrong: Complaint[] = [];
  // With an "@", any entry may be part of a password with a comma in it, which must not reach a log.
  const mayShow = !text.includes('@');
  for (const [index, entry] of entriesOf(text).entries()) {
    const called = mayShow ? quote(entry) : numbered(entry, index + 1);
    const read = parseEntry(entry, called, mayShow);
    const before = 'wrong' in read ? undefined : map.get(read.name);
    if ('wrong' in read) wrong.push(read.wrong);
    else if (before === undefined) map.set(read.name, read.endpoint);
    else if (!isSame(before, read.endpoint))
      wrong.push({ problem: `gives ${read.name} two targets; the second is in ${called}` });
  }
  return wrong.length > 0 ? { wrong } : map;
}

/** `called` is how messages refer to the entry. */
function parseEntry(
  entry: string,
  called: string,
  mayShow: boolean,
): { name: string; endpoint: Endpoint } | { wrong: Complaint } {
  const [left, right] = splitEntry(entry);
  if (right === undefined)
    return { wrong: { problem: `contains an entry that is not name=endpoint: ${called}` } };
  const name = parseCertificateName(left);
  if (name === undefined) {
    const problem = `contains an entry whose name is not a domain name: ${called}`;
    return { wrong: { problem, ...(mayShow ? adviseOnName(left) : {}) } };
  }
  const endpoint = parseEndpoint(right, mayShow);
  return 'wrong' in endpoint
    ? { wrong: { problem: `contains an entry whose endpoint ${endpoint.wrong} (in ${called})` } }
    : { name, endpoint };
}

function splitEntry(entry: string): [left: string, right?: string] {
  const [left = '', ...rest] = entry.split('=');
  return rest.length > 0 ? [left.trim(), rest.join('=').trim()] : [left];
}

/** Refers to an entry that must not be shown. */
function numbered(entry: string, number: number): string {
  const [left, right] = splitEntry(entry);
  const name = right === undefined ? undefined : parseCertificateName(left);
  return `entry ${number}${name === undefined ? '' : `, for ${name}`}`;
}

function isSame(a: Endpoint, b: Endpoint): boolean {
  return a.scheme === b.scheme && a.port === b.port && a.host.toLowerCase() === b.host.toLowerCase();
}
