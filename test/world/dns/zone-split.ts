import { bareName } from './presentation.ts';
import type { ZoneRecord } from './publisher.ts';

/** A zone's records, divided into those that BIND accepts and those that only Cloudflare serves. */
export interface SplitZone {
  /** Served by BIND. */
  readonly plain: readonly ZoneRecord[];
  /** Records of other types at the owner name of a CNAME (contrary to RFC 1034 §3.6.2). */
  readonly besideCname: readonly ZoneRecord[];
  /**
   * The CNAME at the apex, beside SOA and NS: answered as the addresses of its target
   * ("flattened").
   */
  readonly apexCname: ZoneRecord | undefined;
}

export const emptySplit: SplitZone = { plain: [], besideCname: [], apexCname: undefined };

/** Divides the normalized records of the zone `apex`. */
export function splitZone(apex: string, records: readonly ZoneRecord[]): SplitZone {
  const isCname = ({ type }: ZoneRecord) => type === 'CNAME';
  const atApex = ({ name }: ZoneRecord) => name === bareName(apex);
  const aliases = new Set(
    records.filter((record) => isCname(record) && !atApex(record)).map(({ name }) => name),
  );
  const isBeside = (record: ZoneRecord) => !isCname(record) && aliases.has(record.name);
  const apexCname = records.find((record) => isCname(record) && atApex(record));
  return {
    plain: records.filter((record) => !isBeside(record) && record !== apexCname),
    besideCname: records.filter(isBeside),
    apexCname,
  };
}
