import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import packet, {
  type Answer,
  type DecodedPacket,
  type OptAnswer,
  type RecordType,
  type TxtAnswer,
} from 'dns-packet';

const DNS_PORT = 53;
const TIMEOUT_MS = 2000;
const UDP_PAYLOAD = 1232;

/** The address of a DNS server. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** One response of a name server. */
export interface Reply {
  /** `NOERROR`, `NXDOMAIN`, `SERVFAIL`, … */
  readonly rcode: string;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly answers: readonly Answer[];
}

export interface AskOptions {
  /** `auto` queries over UDP, and again over TCP if the response was truncated. */
  readonly transport?: 'udp' | 'tcp' | 'auto';
  /** The UDP payload size in the query, in octets; 0 omits EDNS (RFC 6891), which means 512. */
  readonly udpPayload?: number;
  /** Milliseconds for each transport. Default: 2 s. */
  readonly timeoutMs?: number;
}

/**
 * Sends one query to port 53 of the address, with recursion desired. Rejects if there is no
 * response in time.
 */
export async function query(
  address: string,
  name: string,
  type: RecordType,
  { transport = 'auto', udpPayload = UDP_PAYLOAD, timeoutMs = TIMEOUT_MS }: AskOptions = {},
): Promise<Reply> {
  const message = packet.encode({
    type: 'query',
    id: randomInt(0x10000),
    flags: packet.RECURSION_DESIRED,
    questions: [{ name, type }],
    additionals: udpPayload === 0 ? [] : [optRecord(udpPayload)],
  });
  const server = { address, port: DNS_PORT };
  const overTcp = async () => toReply(packet.decode(await exchangeTcp(server, message, timeoutMs)));
  if (transport === 'tcp') return overTcp();
  const reply = toReply(packet.decode(await exchangeUdp(server, message, timeoutMs)));
  return reply.truncated && transport === 'auto' ? overTcp() : reply;
}

/** The OPT pseudo-record (RFC 6891 §6.1) with the UDP payload size. */
export function optRecord(udpPayloadSize: number): OptAnswer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
}

/** The TXT records among the answers, each with its character-strings joined. */
export function txtTexts(answers: readonly Answer[]): string[] {
  return txtRecords(answers).map(({ data }) => [data].flat().map(String).join(''));
}

/** The TXT records among the answers, in their order. */
export function txtRecords(answers: readonly Answer[]): TxtAnswer[] {
  return answers.filter((answer) => answer.type === 'TXT');
}

/**
 * Sends one message over UDP and resolves with the first datagram from that server with the same
 * ID.
 */
export async function exchangeUdp(
  { address, port }: Endpoint,
  message: Buffer,
  timeoutMs = TIMEOUT_MS,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const socket = createSocket('udp4');
  const timer = setTimeout(() => reject(new Error(`${address} does not respond`)), timeoutMs);
  socket.on('error', reject);
  socket.on('connect', () => socket.send(message));
  socket.on('message', (bytes) => {
    if (bytes.subarray(0, 2).equals(message.subarray(0, 2))) resolve(bytes);
  });
  socket.connect(port, address);
  return promise.finally(() => {
    clearTimeout(timer);
    socket.close();
  });
}

/**
 * Sends one message over TCP and resolves with the first message received (RFC 1035 §4.2.2).
 */
export async function exchangeTcp(
  { address, port }: Endpoint,
  message: Buffer,
  timeoutMs = TIMEOUT_MS,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const socket = connect({ host: address, port, timeout: timeoutMs });
  const split = createTcpSplitter();
  socket.on('error', reject);
  socket.on('timeout', () => reject(new Error(`${address} does not respond`)));
  socket.on('close', () => reject(new Error(`${address} closed the connection without a response`)));
  socket.on('connect', () => socket.write(withLength(message)));
  socket.on('data', (bytes: Buffer) => split(bytes).forEach(resolve));
  return promise.finally(() => socket.destroy());
}

/** A message with its length prefix, as sent over TCP. */
export function withLength(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/**
 * Splits a TCP stream into messages: takes each chunk and returns the messages that it completes.
 */
export function createTcpSplitter(): (piece: Buffer) => Buffer[] {
  let held = Buffer.alloc(0);
  return (piece) => {
    held = Buffer.concat([held, piece]);
    const complete: Buffer[] = [];
    while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
      const end = 2 + held.readUInt16BE(0);
      complete.push(held.subarray(2, end));
      held = held.subarray(end);
    }
    return complete;
  };
}

function toReply(decoded: DecodedPacket): Reply {
  // The library's types omit the response code; its decoder sets it.
  const { rcode = 'NOERROR' } = decoded as DecodedPacket & { rcode?: string };
  return {
    rcode,
    authoritative: decoded.flag_aa,
    truncated: decoded.flag_tc,
    answers: decoded.answers ?? [],
  };
}
