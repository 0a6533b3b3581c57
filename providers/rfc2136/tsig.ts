import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../src/config/secret.ts';
import { canonicalName } from '../../src/dns/name.ts';
import type { Algorithm } from './variables.ts';
import { CLASSES, type Decoded, encodeName, encodeRecord, readName, TYPES, type WireRecord } from './wire.ts';

/** Transaction signatures (RFC 8945). */

/** A TSIG key. */
export interface Key {
  /** In the canonical form of an owner name. */
  readonly name: string;
  readonly algorithm: Algorithm;
  /** Base64. */
  readonly secret: Secret;
}

/** The result of verifying a response's signature. */
export type Verdict =
  | { readonly kind: 'good' }
  /** The message has no signature. */
  | { readonly kind: 'unsigned' }
  /** The message was not signed with the key, or was changed on the way. */
  | { readonly kind: 'forged' }
  /** The server rejects our signature: BADKEY, BADSIG, BADTIME, or another code by its number. */
  | { readonly kind: 'refused'; readonly error: string; readonly serverTime: Date | undefined }
  /** The signature is good, but its time differs from ours by more than the fudge. */
  | { readonly kind: 'mistimed'; readonly serverTime: Date };

/** Seconds that the clocks may differ, as RFC 8945 §10 recommends. */
const FUDGE = 300;
/** Most unsigned messages between two signed ones of a transfer (RFC 8945 §5.3.1). */
const MOST_UNSIGNED = 99;

const ERRORS: ReadonlyMap<number, string> = new Map([
  [16, 'BADSIG'],
  [17, 'BADKEY'],
  [18, 'BADTIME'],
  [22, 'BADTRUNC'],
]);

interface Fields {
  readonly algorithm: string;
  /** Seconds since the epoch. */
  readonly time: number;
  readonly fudge: number;
  readonly mac: Buffer;
  readonly originalId: number;
  readonly error: number;
  readonly other: Buffer;
}

/**
 * Signs a message. Returns it with its signature, and the MAC that the response's signature covers.
 */
export function sign(message: Buffer, key: Key, now: Date): { bytes: Buffer; mac: Buffer } {
  const unsigned: Fields = {
    algorithm: key.algorithm,
    time: Math.floor(now.getTime() / 1000),
    fudge: FUDGE,
    mac: Buffer.alloc(0),
    originalId: message.readUInt16BE(0),
    error: 0,
    other: Buffer.alloc(0),
  };
  const mac = macOf(key, [message, variablesOf(key, unsigned)]);
  const data = encodeFields({ ...unsigned, mac });
  const record = encodeRecord({ name: key.name, type: TYPES.TSIG, class: CLASSES.ANY, ttl: 0, data });
  return { bytes: Buffer.concat([withAdditionals(message, 1), record]), mac };
}

/**
 * Verifies the messages of one response in their order; `requestMac` is the MAC of the request. The
 * first and the last message of a transfer have to be signed. Those between are covered by the next
 * signature, and are `unsigned` until then.
 */
export function createVerifier(key: Key, requestMac: Buffer) {
  let prior = requestMac;
  let isFirst = true;
  let waiting: Buffer[] = [];
  return (bytes: Buffer, { tsig }: Decoded, now: Date): Verdict => {
    if (!tsig) return { kind: waiting.push(bytes) > MOST_UNSIGNED ? 'forged' : 'unsigned' };
    const fields = decodeFields(tsig.record.data);
    // A server that cannot verify our signature cannot sign its response either (RFC 8945 §5.3.2).
    if (fields.error !== 0 && fields.mac.length === 0) return refusal(fields, undefined);
    const tail = isFirst ? variablesOf(key, fields) : timersOf(fields);
    const plain = signedPart(bytes.subarray(0, tsig.start), fields);
    const expected = macOf(key, [lengthOf(prior), prior, ...waiting, plain, tail]);
    if (!isOfKey(tsig.record, fields, key) || !isSame(expected, fields.mac)) return { kind: 'forged' };
    prior = fields.mac;
    isFirst = false;
    waiting = [];
    return fields.error === 0 ? judgeTime(fields, now) : refusal(fields, timeOf(fields));
  };
}

function isOfKey({ name }: WireRecord, { algorithm }: Fields, key: Key): boolean {
  return canonicalName(name) === key.name && algorithm === key.algorithm;
}

function refusal({ error }: Fields, serverTime: Date | undefined): Verdict {
  return { kind: 'refused', error: ERRORS.get(error) ?? `error ${error}`, serverTime };
}

function judgeTime(fields: Fields, now: Date): Verdict {
  const apart = Math.abs(now.getTime() / 1000 - fields.time);
  return apart > fields.fudge ? { kind: 'mistimed', serverTime: timeOf(fields) } : { kind: 'good' };
}

/** The message as it was before it was signed. */
function signedPart(bytes: Buffer, { originalId }: Fields): Buffer {
  const plain = withAdditionals(bytes, -1);
  plain.writeUInt16BE(originalId, 0);
  return plain;
}

function isSame(expected: Buffer, given: Buffer): boolean {
  return expected.length === given.length && timingSafeEqual(expected, given);
}

// With BADTIME the server signs with our time, and puts its own into "other data" (RFC 8945
// §5.2.3).
function timeOf({ time, other }: Fields): Date {
  return new Date((other.length === 6 ? other.readUIntBE(0, 6) : time) * 1000);
}

function macOf({ algorithm, secret }: Key, parts: readonly Buffer[]): Buffer {
  const hmac = createHmac(algorithm.replace('hmac-', ''), Buffer.from(secret.reveal(), 'base64'));
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

/** The TSIG variables (RFC 8945 §4.3.3). */
function variablesOf(key: Key, fields: Fields): Buffer {
  const fixed = Buffer.alloc(6);
  fixed.writeUInt16BE(CLASSES.ANY, 0);
  const tail = Buffer.alloc(4);
  tail.writeUInt16BE(fields.error, 0);
  tail.writeUInt16BE(fields.other.length, 2);
  return Buffer.concat([
    encodeName(key.name),
    fixed,
    encodeName(key.algorithm),
    timersOf(fields),
    tail,
    fields.other,
  ]);
}

function timersOf({ time, fudge }: Fields): Buffer {
  const timers = Buffer.alloc(8);
  timers.writeUIntBE(time, 0, 6);
  timers.writeUInt16BE(fudge, 6);
  return timers;
}

function lengthOf(bytes: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return length;
}

function encodeFields(fields: Fields): Buffer {
  const tail = Buffer.alloc(6);
  tail.writeUInt16BE(fields.originalId, 0);
  tail.writeUInt16BE(fields.error, 2);
  tail.writeUInt16BE(fields.other.length, 4);
  const { algorithm, mac, other } = fields;
  return Buffer.concat([encodeName(algorithm), timersOf(fields), lengthOf(mac), mac, tail, other]);
}

/** Reads the data of a TSIG record. Throws a RangeError if it is malformed. */
function decodeFields(data: Buffer): Fields {
  const { name, end } = readName(data, 0);
  const macStart = end + 10;
  const macEnd = macStart + data.readUInt16BE(end + 8);
  const otherStart = macEnd + 6;
  const otherEnd = otherStart + data.readUInt16BE(macEnd + 4);
  if (otherEnd > data.length) throw new RangeError('a signature that is cut off');
  return {
    algorithm: canonicalName(name),
    time: data.readUIntBE(end, 6),
    fudge: data.readUInt16BE(end + 6),
    mac: data.subarray(macStart, macEnd),
    originalId: data.readUInt16BE(macEnd),
    error: data.readUInt16BE(macEnd + 2),
    other: data.subarray(otherStart, otherEnd),
  };
}

/** A copy of the message whose count of additional records is changed by `more`. */
function withAdditionals(message: Buffer, more: number): Buffer {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(copy.readUInt16BE(10) + more, 10);
  return copy;
}
