import type { DnsRecord } from '../../src/dns/record.ts';
import { typeNumber } from './records.ts';
import { CLASSES, TYPES, type WireRecord } from './wire.ts';

/** What has to be true for an update to be made: its prerequisites (RFC 2136 §2.4). Pure. */

/** A record of the zone as it was read, with its data as the server keeps it: TXT can be cut in many ways. */
export interface Standing {
  readonly record: DnsRecord;
  readonly data: Buffer;
}

/** What somebody may put at a name between our reading and our writing, and what would keep an alias out of it. */
const RIVALS = [
  'A',
  'AAAA',
  'CNAME',
  'TXT',
  'CAA',
  'MX',
  'NS',
  'SRV',
  'HTTPS',
  'SVCB',
  'PTR',
  'DNAME',
  'DS',
  'HINFO',
  'LOC',
  'NAPTR',
  'SSHFP',
  'TLSA',
  'URI',
] as const;

const NOTHING = Buffer.alloc(0);

/** What would make the server leave out what is added at a name. */
export function guards(name: string, at: readonly Standing[], added: readonly WireRecord[]): WireRecord[] {
  if (added.length === 0) return [];
  const isAlias = added.some(({ type }) => type === TYPES.CNAME);
  if (isAlias && at.length === 0) return [absent(name, TYPES.ANY)];
  const guarded = isAlias ? at : at.filter(({ record }) => record.type === 'CNAME');
  const rivals = (isAlias ? RIVALS : (['CNAME'] as const)).filter(
    (type) => !at.some(({ record }) => record.type === type),
  );
  return [...guarded.map(present), ...rivals.map((type) => absent(name, TYPES[type]))];
}

/** "RRset exists", with exactly these records together (RFC 2136 §2.4.2). */
function present({ record: { name, type }, data }: Standing): WireRecord {
  return { name, type: typeNumber(type), class: CLASSES.IN, ttl: 0, data };
}

/** "RRset does not exist", or with ANY "name is not in use" (RFC 2136 §2.4.3, §2.4.5). */
function absent(name: string, type: number): WireRecord {
  return { name, type, class: CLASSES.NONE, ttl: 0, data: NOTHING };
}
