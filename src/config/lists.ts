import { parseCertificateName } from '../dns/names.ts';
import { type Endpoint, parseEndpoint } from './endpoint.ts';
import { quote } from './quote.ts';

/** Lists as people write them into one variable: what is wrong is said of every entry, with its own words. Pure. */

/** Entries separated by line breaks or commas. `#` begins a comment that goes to the end of the line. */
export function entriesOf(text: string): string[] {
  return text
    .split(/\r?\n/)
    .flatMap((line) => line.replace(/#.*$/, '').split(','))
    .map((entry) => entry.trim())
    .filter(Boolean);
}

/** Reads the names of DOMAINS, each once. */
export function parseNames(text: string): string[] | { wrong: string[] } {
  const names = new Set<string>();
  const wrong: string[] = [];
  for (const entry of entriesOf(text)) {
    const name = parseCertificateName(entry);
    if (name === undefined) wrong.push(`holds something that is not a domain name: ${quote(entry)}`);
    else names.add(name);
  }
  return wrong.length > 0 ? { wrong } : [...names];
}

/** Where each name of ROUTING_MAP goes. */
export type RoutingMap = ReadonlyMap<string, Endpoint>;

/** Reads the `name=endpoint` entries of ROUTING_MAP. */
export function parseRoutingMap(text: string): RoutingMap | { wrong: string[] } {
  const map = new Map<string, Endpoint>();
  const wrong: string[] = [];
  for (const entry of entriesOf(text)) {
    const read = parseEntry(entry);
    const before = 'wrong' in read ? undefined : map.get(read.name);
    if ('wrong' in read) wrong.push(read.wrong);
    else if (before === undefined) map.set(read.name, read.endpoint);
    else if (!isSame(before, read.endpoint))
      wrong.push(`gives ${read.name} two targets; the second is in ${quote(entry)}`);
  }
  return wrong.length > 0 ? { wrong } : map;
}

function parseEntry(entry: string): { name: string; endpoint: Endpoint } | { wrong: string } {
  const [, left, right] = /^([^=]*)=(.*)$/s.exec(entry) ?? [];
  if (left === undefined || right === undefined)
    return { wrong: `holds an entry that is not name=endpoint: ${quote(entry)}` };
  const name = parseCertificateName(left.trim());
  if (name === undefined) return { wrong: `holds an entry whose name is not a domain name: ${quote(entry)}` };
  const endpoint = parseEndpoint(right.trim());
  return 'wrong' in endpoint
    ? { wrong: `holds an entry whose endpoint ${endpoint.wrong} (in ${quote(entry)})` }
    : { name, endpoint };
}

function isSame(a: Endpoint, b: Endpoint): boolean {
  return a.scheme === b.scheme && a.port === b.port && a.host.toLowerCase() === b.host.toLowerCase();
}
