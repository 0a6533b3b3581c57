import { randomInt } from 'node:crypto';
import packet from 'dns-packet';
import { type Endpoint, exchangeTcp } from './dns-client.ts';
import { toAnswer } from './presentation.ts';
import type { ZoneRecord } from './publisher.ts';

const OPCODE_UPDATE = 5 << 11;
const CLASS_NONE = 254;
/**
 * Lengths in octets: the header before the sections, and type, class and TTL after an owner name.
 */
const HEADER = 12;
const CLASS_AT = 2;
const TTL_AT = 4;

/**
 * Sends one dynamic update (RFC 2136), which is atomic: deletions first, then additions. Rejects
 * with the server's refusal. Throws for a record type without an encoder.
 */
export async function sendUpdate(
  server: Endpoint,
  zone: string,
  deleted: readonly ZoneRecord[],
  added: readonly ZoneRecord[],
): Promise<void> {
  const records = [
    ...deleted.map((record) => encode(record, true)),
    ...added.map((record) => encode(record, false)),
  ];
  if (records.length === 0) return;
  const message = packet.encode({
    ...{ type: 'query', id: randomInt(0x10000), flags: OPCODE_UPDATE },
    questions: [{ name: zone, type: 'SOA', class: 'IN' }],
  });
  message.writeUInt16BE(records.length, 8);
  const reply = await exchangeTcp(server, Buffer.concat([message, ...records]));
  // The library's types omit the response code; its decoder sets it.
  const { rcode } = packet.decode(reply) as packet.DecodedPacket & { rcode?: string };
  if (rcode !== 'NOERROR') throw new Error(`${zone}: the update was refused: ${rcode}`);
}

/** One record of the update section (RFC 2136 §2.5.1 and §2.5.4), without compression. */
function encode(record: ZoneRecord, isDeleted: boolean): Buffer {
  const answer = toAnswer(record, record.name);
  const alone = packet.encode({ type: 'response', answers: [answer] }).subarray(HEADER);
  if (!isDeleted) return alone;
  const end = endOfName(alone);
  alone.writeUInt16BE(CLASS_NONE, end + CLASS_AT);
  alone.writeUInt32BE(0, end + TTL_AT);
  return alone;
}

function endOfName(bytes: Buffer): number {
  let at = 0;
  while (bytes[at] !== 0) at += 1 + (bytes[at] ?? 0);
  return at + 1;
}
