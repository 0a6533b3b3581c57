import { IngressError } from '../../src/errors.ts';

/**
 * Encodes and decodes DNS messages (RFC 1035 §4, RFC 2136 §2), as far as updates and zone transfers
 * need them. Pure.
 */

/** Numbers of record types (RFC 6895 §3.1). */
export const TYPES = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  LOC: 29,
  SRV: 33,
  NAPTR: 35,
  DNAME: 39,
  DS: 43,
  SSHFP: 44,
  RRSIG: 46,
  NSEC: 47,
  TLSA: 52,
  OPENPGPKEY: 61,
  SVCB: 64,
  HTTPS: 65,
  TSIG: 250,
  AXFR: 252,
  ANY: 255,
  URI: 256,
  CAA: 257,
} as const;
/** Numbers of classes (RFC 6895 §3.2). */
export const CLASSES = { IN: 1, NONE: 254, ANY: 255 } as const;
/** Numbers of operations (RFC 6895 §2.2). */
export const OPCODES = { QUERY: 0, UPDATE: 5 } as const;

/** A resource record on the wire; `data` contains no compressed names. */
export interface WireRecord {
  /** Without the trailing dot. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  readonly data: Buffer;
}

/** The question of a query, or the zone of an update (RFC 2136 §2.3); the class is IN. */
export interface WireQuestion {
  readonly name: string;
  readonly type: number;
}

/** A message to encode. */
export interface Message {
  readonly id: number;
  readonly opcode: number;
  readonly question: WireQuestion;
  /** The answer section of a query; the prerequisites of an update (RFC 2136 §2.4). */
  readonly answers?: readonly WireRecord[];
  /** The authority section of a query; the changes of an update (RFC 2136 §2.5). */
  readonly authorities?: readonly WireRecord[];
}

/**
 * A decoded message. Messages of a zone transfer after the first may have no question (RFC 5936
 * §2.2.1).
 */
export interface Decoded {
  readonly id: number;
  readonly opcode: number;
  readonly rcode: number;
  readonly isResponse: boolean;
  readonly isAuthoritative: boolean;
  readonly question: WireQuestion | undefined;
  readonly answers: readonly WireRecord[];
  readonly authorities: readonly WireRecord[];
  /** The TSIG record and its offset, if the message ends with one. */
  readonly tsig: { readonly record: WireRecord; readonly start: number } | undefined;
}

const HEADER = 12;
const MOST_LABEL = 63;
const MOST_NAME = 255;

/**
 * The positions of names in the data of types that may be compressed (RFC 3597 §4), or often are
 * nevertheless.
 */
const LAYOUTS: ReadonlyMap<number, { readonly before: number; readonly names: number }> = new Map([
  [TYPES.NS, { before: 0, names: 1 }],
  [TYPES.CNAME, { before: 0, names: 1 }],
  [TYPES.SOA, { before: 0, names: 2 }],
  [TYPES.PTR, { before: 0, names: 1 }],
  [TYPES.MX, { before: 2, names: 1 }],
  [TYPES.SRV, { before: 6, names: 1 }],
  [TYPES.DNAME, { before: 0, names: 1 }],
]);

/** Encodes a name without compression. Throws PROVIDER_REJECTED for an invalid domain name. */
export function encodeName(name: string): Buffer {
  const labels = name === '' ? [] : name.split('.').map((label) => Buffer.from(label, 'latin1'));
  const octets = Buffer.concat([
    ...labels.flatMap((label) => [Buffer.of(label.length), label]),
    Buffer.of(0),
  ]);
  const fits = labels.every(({ length }) => length > 0 && length <= MOST_LABEL) && octets.length <= MOST_NAME;
  if (fits) return octets;
  throw new IngressError('PROVIDER_REJECTED', `${JSON.stringify(name)} is not a domain name`);
}

/** Encodes a record. Throws what `encodeName` throws. */
export function encodeRecord(record: WireRecord): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(record.type, 0);
  fixed.writeUInt16BE(record.class, 2);
  fixed.writeUInt32BE(record.ttl, 4);
  fixed.writeUInt16BE(record.data.length, 8);
  return Buffer.concat([encodeName(record.name), fixed, record.data]);
}

/** Encodes a message without compression. Throws what `encodeName` throws. */
export function encodeMessage({ id, opcode, question, answers = [], authorities = [] }: Message): Buffer {
  const header = Buffer.alloc(HEADER);
  const fields = [id, opcode << 11, 1, answers.length, authorities.length, 0];
  for (const [index, field] of fields.entries()) header.writeUInt16BE(field, 2 * index);
  const asked = Buffer.alloc(4);
  asked.writeUInt16BE(question.type, 0);
  asked.writeUInt16BE(CLASSES.IN, 2);
  const records = [...answers, ...authorities].map(encodeRecord);
  return Buffer.concat([header, encodeName(question.name), asked, ...records]);
}

/** Decodes a message. Throws a RangeError if it is malformed. */
export function decodeMessage(bytes: Buffer): Decoded {
  const flags = bytes.readUInt16BE(2);
  const [questions = 0, answerCount = 0, authorityCount = 0, additionalCount = 0] = [4, 6, 8, 10].map((at) =>
    bytes.readUInt16BE(at),
  );
  let at = HEADER;
  let question: WireQuestion | undefined;
  for (let index = 0; index < questions; index += 1) {
    const { name, end } = readName(bytes, at);
    question ??= { name, type: bytes.readUInt16BE(end) };
    at = end + 4;
  }
  let start = at;
  const section = (count: number): WireRecord[] =>
    Array.from({ length: count }, () => {
      start = at;
      const { record, end } = readRecord(bytes, at);
      at = end;
      return record;
    });
  const answers = section(answerCount);
  const authorities = section(authorityCount);
  const last = section(additionalCount).at(-1);
  if (at !== bytes.length) throw new RangeError('octets behind the last record');
  return {
    id: bytes.readUInt16BE(0),
    opcode: (flags >> 11) & 0xf,
    rcode: flags & 0xf,
    isResponse: (flags & 0x8000) !== 0,
    isAuthoritative: (flags & 0x0400) !== 0,
    question,
    answers,
    authorities,
    tsig: last?.type === TYPES.TSIG ? { record: last, start } : undefined,
  };
}

function readRecord(bytes: Buffer, at: number): { record: WireRecord; end: number } {
  const { name, end: fixed } = readName(bytes, at);
  const type = bytes.readUInt16BE(fixed);
  const start = fixed + 10;
  const end = start + bytes.readUInt16BE(fixed + 8);
  if (end > bytes.length) throw new RangeError('a record that goes beyond its message');
  const data = plainData(bytes, type, start, end);
  const record = {
    name,
    type,
    class: bytes.readUInt16BE(fixed + 2),
    ttl: bytes.readUInt32BE(fixed + 4),
    data,
  };
  return { record, end };
}

function plainData(bytes: Buffer, type: number, start: number, end: number): Buffer {
  const layout = LAYOUTS.get(type);
  if (!layout || start === end) return bytes.subarray(start, end);
  let at = start + layout.before;
  const parts = [bytes.subarray(start, at)];
  for (let index = 0; index < layout.names; index += 1) {
    const read = readName(bytes, at);
    parts.push(read.wire);
    at = read.end;
  }
  return Buffer.concat([...parts, bytes.subarray(at, end)]);
}

/**
 * Reads a name in a message: its text with `\DDD` for ambiguous octets, its uncompressed octets,
 * and the offset of its end. Pointers have to point backwards (RFC 1035 §4.1.4), so that decoding
 * ends.
 */
export function readName(bytes: Buffer, start: number): { name: string; wire: Buffer; end: number } {
  const labels: Buffer[] = [];
  let at = start;
  let limit = start;
  let end: number | undefined;
  for (;;) {
    const length = bytes.readUInt8(at);
    if (length >= 0xc0) {
      end ??= at + 2;
      const target = bytes.readUInt16BE(at) & 0x3fff;
      if (target >= limit) throw new RangeError('a name that points forwards');
      limit = target;
      at = target;
      continue;
    }
    if (length > MOST_LABEL || at + 1 + length > bytes.length) throw new RangeError('a label that is none');
    at += 1 + length;
    if (length === 0) break;
    labels.push(bytes.subarray(at - length, at));
  }
  const wire = Buffer.concat([...labels.flatMap((label) => [Buffer.of(label.length), label]), Buffer.of(0)]);
  if (wire.length > MOST_NAME) throw new RangeError('a name that is too long');
  return { name: labels.map(labelText).join('.'), wire, end: end ?? at };
}

function labelText(label: Buffer): string {
  return label
    .toString('latin1')
    .replace(/[^!-~]|[.\\"]/g, (octet) => `\\${String(octet.charCodeAt(0)).padStart(3, '0')}`);
}
