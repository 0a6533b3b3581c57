/**
 * A resource record, independent of the provider's API. The form is canonical: equal records have
 * equal texts.
 *
 * - `name`: the fully qualified owner name (RFC 9499), lower case, no trailing dot, A-labels, or
 *   `*.` and such a name;
 * - `type`: upper case;
 * - `value`: A and AAAA in the shortest text; CNAME like `name`; TXT as joined, unquoted characters
 *   with their case; CAA as `flags tag "value"`; any other type as the provider writes it;
 * - `ttl`: seconds, as the provider serves it.
 */
export interface DnsRecord {
  readonly name: string;
  readonly type: string;
  readonly value: string;
  readonly ttl: number;
}

/** A record that is in a zone now. */
export interface CurrentRecord extends DnsRecord {
  /**
   * The provider's id of the record. Absent if the provider has none, or if we know only the value.
   */
  readonly handle?: string;
  /**
   * Set if the provider answers with something else in place of the record (Cloudflare's proxy).
   */
  readonly overriddenBy?: string;
}

/** One step of a plan. It matches exact values, so no change affects other records of the RRset. */
export type Change =
  | { readonly action: 'create'; readonly record: DnsRecord }
  | { readonly action: 'replace'; readonly record: DnsRecord; readonly replaced: CurrentRecord }
  | { readonly action: 'remove'; readonly removed: CurrentRecord };

/** Whether owner name, type and value are equal; the TTLs may differ. */
export function sameData(a: DnsRecord, b: DnsRecord): boolean {
  return a.name === b.name && a.type === b.type && a.value === b.value;
}

/** `name TYPE value`, for messages. */
export function describeRecord({ name, type, value }: DnsRecord): string {
  return `${name} ${type} ${value}`;
}

/**
 * The parts of a CAA record's value (RFC 8659 §4.1), or undefined if it is not `flags tag "value"`.
 */
export function parseCaa(value: string): { flags: number; tag: string; value: string } | undefined {
  const match = /^\s*(\d{1,3})\s+([A-Za-z0-9]+)\s+"(.*)"\s*$/.exec(value);
  if (!match?.[1] || !match[2] || match[3] === undefined) return undefined;
  return { flags: Number(match[1]), tag: match[2].toLowerCase(), value: match[3] };
}

/** A CAA record's value in canonical form. */
export function formatCaa(flags: number, tag: string, value: string): string {
  return `${flags} ${tag.toLowerCase()} "${value}"`;
}
