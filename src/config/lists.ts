import { parseCertificateName } from '../dns/name.ts';
import { type Endpoint, parseEndpoint } from './endpoint.ts';
import { invalid, type ValueFault } from './faults.ts';
import { withAdvice } from './name-advice.ts';
import { quote } from './quote.ts';

/** Lists in one variable. Every wrong entry is reported separately. Pure. */

/**
 * Entries separated by line breaks or commas. `#` starts a comment that extends to the end of the
 * line.
 */
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
export function parseNames(text: string): string[] | { wrong: ValueFault[] } {
  const names = new Set<string>();
  const wrong: ValueFault[] = [];
  for (const entry of entriesOf(text)) {
    const name = parseCertificateName(entry);
    if (name === undefined) wrong.push(notAName(entry));
    else names.add(name);
  }
  return wrong.length > 0 ? { wrong } : [...names];
}

function notAName(entry: string): ValueFault {
  return withAdvice(entry, {
    kind: 'not-a-domain-name',
    problem: `contains something that is not a domain name: ${quote(entry)}`,
    details: { entry },
  });
}

/** Names that share one certificate, each once, in the order written. */
export type CertGroup = readonly [string, ...string[]];

/**
 * Parses CERT_GROUPS: groups separated by line breaks or `;`, the names of a group by commas or
 * spaces. `#` starts a comment that extends to the end of the line.
 */
export function parseGroups(text: string): CertGroup[] | { wrong: ValueFault[] } {
  const groups: CertGroup[] = [];
  const taken = new Set<string>();
  const wrong = new Map<string, ValueFault>();
  for (const entry of groupEntriesOf(text)) {
    const words = entry.split(/[\s,]+/).filter(Boolean);
    for (const word of words) {
      const found = whyNotInGroup(word, taken, entry);
      if (found && !wrong.has(found.about)) wrong.set(found.about, found.fault);
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
): { about: string; fault: ValueFault } | undefined {
  const name = parseCertificateName(word);
  if (name === undefined) return { about: word, fault: notAName(word) };
  if (!taken.has(name)) return undefined;
  const problem = `has ${name} in two groups; the second is ${quote(entry)}`;
  return { about: name, fault: { kind: 'duplicate', problem, details: { name, entry } } };
}

function groupEntriesOf(text: string): string[] {
  return linesOf(text)
    .flatMap((line) => line.split(';'))
    .map((entry) => entry.trim());
}

/** The endpoint of each name in ROUTING_MAP. */
export type RoutingMap = ReadonlyMap<string, Endpoint>;

/** Parses the `name=endpoint` entries of ROUTING_MAP. */
export function parseRoutingMap(text: string): RoutingMap | { wrong: ValueFault[] } {
  const map = new Map<string, Endpoint>();
  const wrong: ValueFault[] = [];
  // With an "@", any entry may be part of a password with a comma in it, which must not reach a
  // log.
  const mayShow = !text.includes('@');
  for (const [index, entry] of entriesOf(text).entries()) {
    const shown: ShownEntry = mayShow
      ? { called: quote(entry), mayShow, details: { entry } }
      : numbered(entry, index + 1);
    const read = parseEntry(entry, shown);
    const before = 'wrong' in read ? undefined : map.get(read.name);
    if ('wrong' in read) wrong.push(read.wrong);
    else if (before === undefined) map.set(read.name, read.endpoint);
    else if (!isSame(before, read.endpoint))
      wrong.push({
        kind: 'duplicate',
        problem: `gives ${read.name} two targets; the second is in ${shown.called}`,
        details: { ...shown.details, name: read.name },
      });
  }
  return wrong.length > 0 ? { wrong } : map;
}

/** How faults refer to an entry. */
interface ShownEntry {
  /** In messages. */
  readonly called: string;
  /** Whether the entry may be quoted. */
  readonly mayShow: boolean;
  readonly details: Readonly<Record<string, unknown>>;
}

function parseEntry(
  entry: string,
  { called, mayShow, details }: ShownEntry,
): { name: string; endpoint: Endpoint } | { wrong: ValueFault } {
  const [left, right] = splitEntry(entry);
  if (right === undefined) {
    const problem = `contains an entry that is not name=endpoint: ${called}`;
    return invalid('not-an-entry', problem, details);
  }
  const name = parseCertificateName(left);
  if (name === undefined) {
    const problem = `contains an entry whose name is not a domain name: ${called}`;
    const wrong: ValueFault = { kind: 'not-a-domain-name', problem, details };
    return { wrong: mayShow ? withAdvice(left, wrong) : wrong };
  }
  const endpoint = parseEndpoint(right, mayShow);
  if (!('wrong' in endpoint)) return { name, endpoint };
  const { kind, problem } = endpoint.wrong;
  return { wrong: { kind, problem: `contains an entry whose endpoint ${problem} (in ${called})`, details } };
}

function splitEntry(entry: string): [left: string, right?: string] {
  const [left = '', ...rest] = entry.split('=');
  return rest.length > 0 ? [left.trim(), rest.join('=').trim()] : [left];
}

/** Refers to an entry that must not be shown. */
function numbered(entry: string, number: number): ShownEntry {
  const [left, right] = splitEntry(entry);
  const name = right === undefined ? undefined : parseCertificateName(left);
  return {
    called: `entry ${number}${name === undefined ? '' : `, for ${name}`}`,
    mayShow: false,
    details: { number, ...(name === undefined ? {} : { name }) },
  };
}

function isSame(a: Endpoint, b: Endpoint): boolean {
  return a.scheme === b.scheme && a.port === b.port && a.host.toLowerCase() === b.host.toLowerCase();
}
