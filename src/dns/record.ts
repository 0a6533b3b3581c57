/**
 * A resource record as everybody in this program sees it, whatever the provider calls its parts.
 *
 * Canonical form, so that two records are the same when their texts are the same:
 * - `name`: the fully qualified owner name (RFC 9499), lower case, no trailing dot, A-labels (`*.example.com` is fine);
 * - `type`: upper case;
 * - `value`: A, AAAA in their shortest text; CNAME a name like `name`; TXT the joined, unquoted characters, case kept;
 *   CAA `flags tag "value"`; any other type in the provider's own words;
 * - `ttl`: seconds, as the provider will answer it.
 */
export interface DnsRecord {
  readonly name: string;
  readonly type: string;
  readonly value: string;
  readonly ttl: number;
}

/** A record that stands in a zone now. */
export interface CurrentRecord extends DnsRecord {
  /** The provider's own id. Absent where the provider has none, or where we remember the record by its value only. */
  readonly handle?: string;
  /** Set when the provider answers something else in its place (Cloudflare's proxy): never what anybody asked for. */
  readonly overriddenBy?: string;
}

/** One step of a plan. Values are exact: no change ever touches a sibling at the same name. */
export type Change =
  | { readonly action: 'create'; readonly record: DnsRecord }
  | { readonly action: 'replace'; readonly record: DnsRecord; readonly replaced: CurrentRecord }
  | { readonly action: 'remove'; readonly removed: CurrentRecord };

/** Same owner name, type and value; TTLs may differ. */
export function sameData(a: DnsRecord, b: DnsRecord): boolean {
  return a.name === b.name && a.type === b.type && a.value === b.value;
}

/** A record in one line, for logs and messages. */
export function describeRecord({ name, type, value }: DnsRecord): string {
  return `${name} ${type} ${value}`;
}

/** The parts of a CAA record's value (RFC 8659 §4.1), or undefined when it is not `flags tag "value"`. */
export function parseCaa(value: string): { flags: number; tag: string; value: string } | undefined {
  const match = /^\s*(\d{1,3})\s+([A-Za-z0-9]+)\s+"(.*)"\s*$/.exec(value);
  if (!match?.[1] || !match[2] || match[3] === undefined) return undefined;
  return { flags: Number(match[1]), tag: match[2].toLowerCase(), value: match[3] };
}

export function formatCaa(flags: number, tag: string, value: string): string {
  return `${flags} ${tag.toLowerCase()} "${value}"`;
}
