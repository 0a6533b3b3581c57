import type { StoredRecord } from './cloudflare-record.ts';
import { invalid } from './cloudflare-refusal.ts';
import type { StoredZone } from './cloudflare-zone.ts';

/** A list as the API returns it, with the envelope's `result_info`. */
export interface Listed<T> {
  readonly result: readonly T[];
  readonly result_info: Readonly<Record<string, number>>;
}

const COMMON = new Set(['page', 'per_page', 'order', 'direction', 'match']);
const OPERATORS: Readonly<Record<string, (text: string, wanted: string) => boolean>> = {
  exact: (text, wanted) => text === wanted,
  startswith: (text, wanted) => text.startsWith(wanted),
  endswith: (text, wanted) => text.endsWith(wanted),
  contains: (text, wanted) => text.includes(wanted),
};

export function listZones(zones: readonly StoredZone[], query: URLSearchParams): Listed<StoredZone> {
  const tests: ((zone: StoredZone) => boolean)[] = [];
  for (const [key, wanted] of query) {
    if (COMMON.has(key)) continue;
    if (key === 'name') tests.push((zone) => zone.name === wanted.toLowerCase());
    else if (key === 'status') tests.push((zone) => zone.status === wanted);
    else throw invalid(`Unknown filter ${key}`);
  }
  return paginate(
    zones.filter((zone) => passes(zone, tests, query)),
    query,
    { least: 5, most: 50, usual: 20 },
  );
}

export function listRecords(records: readonly StoredRecord[], query: URLSearchParams): Listed<StoredRecord> {
  const tests: ((record: StoredRecord) => boolean)[] = [];
  for (const [key, wanted] of query) {
    if (!COMMON.has(key)) tests.push(recordTest(key, wanted.toLowerCase()));
  }
  const found = records.filter((record) => passes(record, tests, query));
  return paginate(found, query, { least: 1, most: 5_000_000, usual: 100 });
}

/** Comparisons ignore case, as documented, so a client has to compare what a filter finds again. */
function recordTest(key: string, wanted: string): (record: StoredRecord) => boolean {
  if (key === 'type') return (record) => record.type.toLowerCase() === wanted;
  if (key === 'proxied') return (record) => String(record.proxied) === wanted;
  const [field, name = 'exact'] = key.split('.');
  const operator = OPERATORS[name];
  if (!operator) throw invalid(`Unknown filter ${key}`);
  switch (field) {
    case 'name':
      return (record) => operator(record.name.toLowerCase().replace(/\.$/, ''), wanted);
    case 'content':
      return (record) => operator(record.content.toLowerCase(), wanted);
    case 'comment':
      return (record) => operator((record.comment ?? '').toLowerCase(), wanted);
    default:
      throw invalid(`Unknown filter ${key}`);
  }
}

function passes<T>(item: T, tests: readonly ((item: T) => boolean)[], query: URLSearchParams): boolean {
  if (query.get('match') === 'any' && tests.length > 0) return tests.some((test) => test(item));
  return tests.every((test) => test(item));
}

function paginate<T>(
  found: readonly T[],
  query: URLSearchParams,
  { least, most, usual }: { least: number; most: number; usual: number },
): Listed<T> {
  const page = wholeNumber(query, 'page', 1, Number.MAX_SAFE_INTEGER, 1);
  const perPage = wholeNumber(query, 'per_page', least, most, usual);
  const result = found.slice((page - 1) * perPage, page * perPage);
  const result_info = {
    page,
    per_page: perPage,
    count: result.length,
    total_count: found.length,
    total_pages: Math.ceil(found.length / perPage),
  };
  return { result, result_info };
}

function wholeNumber(
  query: URLSearchParams,
  key: string,
  least: number,
  most: number,
  usual: number,
): number {
  const text = query.get(key);
  const number = text === null ? usual : Number(text);
  if (!Number.isInteger(number) || number < least || number > most) {
    throw invalid(`${key} must be a whole number from ${least} to ${most}.`);
  }
  return number;
}
