import { asObject } from './linode-record.ts';
import { invalid, refusals } from './linode-refusal.ts';

/** A page of a list (https://techdocs.akamai.com/linode-api/reference/pagination). */
export interface Listed<T> {
  readonly data: readonly T[];
  readonly page: number;
  readonly pages: number;
  readonly results: number;
}

export interface ListRequest {
  readonly query: URLSearchParams;
  /**
   * The `X-Filter` header: JSON
   * (https://techdocs.akamai.com/linode-api/reference/filtering-and-sorting).
   */
  readonly filter: string | undefined;
  readonly filterable: readonly string[];
}

type Item = Readonly<Record<string, unknown>>;

export function paginate<T extends Item>(
  all: readonly T[],
  { query, filter, filterable }: ListRequest,
): Listed<T> {
  const found = filter === undefined ? all : all.filter(readFilter(filter, filterable));
  const page = wholeNumber(query, 'page', 1, Number.MAX_SAFE_INTEGER, 1);
  const size = wholeNumber(query, 'page_size', 25, 500, 100);
  const pages = Math.max(1, Math.ceil(found.length / size));
  if (page > pages) throw refusals.notFound();
  return { data: found.slice((page - 1) * size, page * size), page, pages, results: found.length };
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
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw invalid(key, `Must be ${least}-${most}`);
}

function readFilter(text: string, filterable: readonly string[]): (item: Item) => boolean {
  try {
    return test(asObject(JSON.parse(text)), filterable);
  } catch (thrown) {
    throw thrown instanceof SyntaxError ? refusals.json() : thrown;
  }
}

// Supports equality of one or several fields, and +or of these; the project uses no other operator.
function test(filter: Item, filterable: readonly string[]): (item: Item) => boolean {
  const tests = Object.entries(filter).map(([key, wanted]) => {
    if (key === '+or' && Array.isArray(wanted)) {
      const some = wanted.map((one) => test(asObject(one), filterable));
      return (item: Item) => some.some((passes) => passes(item));
    }
    if (!filterable.includes(key)) throw refusals.filter(key);
    return (item: Item) => item[key] === wanted;
  });
  return (item) => tests.every((passes) => passes(item));
}
