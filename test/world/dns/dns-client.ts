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

/** Where a DNS server listens. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** One answer of a name server. */
export interface Reply {
  /** `NOERROR`, `NXDOMAIN`, `SERVFAIL`, … */
  readonly rcode: string;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly answers: readonly Answer[];
}

export interface AskOptions {
  /** `auto` asks by UDP, and again by TCP when the answer was truncated. */
  readonly transport?: 'udp' | 'tcp' | 'auto';
  /** Octets that the question says it takes over UDP; 0 leaves EDNS (RFC 6891) away, which means 512. */
  readonly udpPayload?: number;
  /** Milliseconds for each transport. Default 2 s. */
  readonly timeoutMs?: number;
}

/** Asks port 53 of the address one question, with recursion desired. Rejects when no answer comes in time. */
export async function ask(
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

/** The OPT pseudo-record (RFC 6891 §6.1) that says how much is taken over UDP. */
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

/** The character-strings of the TXT records among the answers, each record joined to one text. */
export function txtTexts(answers: readonly Answer[]): string[] {
  return txtRecords(answers).map(({ data }) => [data].flat().map(String).join(''));
}

/** The TXT records among the answers, in their order. */
export function txtRecords(answers: readonly Answer[]): TxtAnswer[] {
  return answers.filter((answer) => answer.type === 'TXT');
}

/** Sends one message by UDP and resolves with the first datagram of that server that carries the same ID. */
export async function exchangeUdp(
  { address, port }: Endpoint,
  message: Buffer,
  timeoutMs = TIMEOUT_MS,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const socket = createSocket('udp4');
  const timer = setTimeout(() => reject(new Error(`${address} does not answer`)), timeoutMs);
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

/** Sends one message by TCP and resolves with the first that comes back (RFC 1035 §4.2.2). */
export async function exchangeTcp(
  { address, port }: Endpoint,
  message: Buffer,
  timeoutMs = TIMEOUT_MS,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const socket = connect({ host: address, port, timeout: timeoutMs });
  const split = createTcpSplitter();
  socket.on('error', reject);
  socket.on('timeout', () => reject(new Error(`${address} does not answer`)));
  socket.on('close', () => reject(new Error(`${address} closed the connection without an answer`)));
  socket.on('connect', () => socket.write(withLength(message)));
  socket.on('data', (bytes: Buffer) => split(bytes).forEach(resolve));
  return promise.finally(() => socket.destroy());
}

/** A message behind its length, as it goes over TCP. */
export function withLength(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** Cuts a TCP stream into messages: takes each piece and gives back those that are complete by now. */
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
  // The library's types leave the response code out; its decoder sets it.
  const { rcode = 'NOERROR' } = decoded as DecodedPacket & { rcode?: string };
  return {
    rcode,
    authoritative: decoded.flag_aa,
    truncated: decoded.flag_tc,
    answers: decoded.answers ?? [],
  };
}
