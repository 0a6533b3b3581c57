import packet, { type Answer, type DecodedPacket, type Question } from 'dns-packet';
import { ask, type Endpoint, exchangeTcp, exchangeUdp, optRecord } from './dns-client.ts';
import { type DnsListener, listenDns, type Transport } from './dns-listener.ts';
import { bareName, toAnswer } from './presentation.ts';
import type { SplitZone } from './zone-split.ts';

/** How a name server misbehaves. All can be changed at any time. */
export interface Faults {
  /** Takes questions and says nothing. */
  silent: boolean;
  /** Answers SERVFAIL to everything. */
  servfail: boolean;
  /** Truncates every answer over UDP, so that only TCP gives it. */
  truncateUdp: boolean;
}

/** A question that a name server was asked. */
export interface SeenQuestion {
  /** Lower case, no trailing dot. */
  readonly name: string;
  readonly type: string;
  readonly transport: Transport;
  readonly at: Date;
}

export interface FrontOptions {
  /** The public address, port 53. */
  readonly address: string;
  /** The BIND behind it. */
  readonly behind: Endpoint;
  /** The resolver that knows the addresses of an apex CNAME's target. */
  readonly resolver: string;
  /** The zones as this server answers them now. */
  readonly zones: () => Iterable<SplitZone>;
}

export interface Front extends DnsListener {
  readonly faults: Faults;
  /** Every question since the start, oldest first. */
  readonly questions: readonly SeenQuestion[];
}

type ReplyCode = 'NOERROR' | 'SERVFAIL';

// dns-packet keeps the response code in the low four bits of the flags (RFC 1035 §4.1.1).
const replyCodes: Record<ReplyCode, number> = { NOERROR: 0, SERVFAIL: 2 };

// What a UDP message without EDNS may measure (RFC 1035 §2.3.4).
const PLAIN_UDP_SIZE = 512;

/**
 * Starts an authoritative server that hands every question to BIND byte for byte, except those that BIND cannot be made to
 * answer as Cloudflare does: types beside a CNAME, and the addresses of a CNAME at the apex. A wildcard's types beside
 * its CNAME are answered at the literal name `*` only.
 */
export async function startFront({ address, behind, resolver, zones }: FrontOptions): Promise<Front> {
  const faults: Faults = { silent: false, servfail: false, truncateUdp: false };
  const questions: SeenQuestion[] = [];

  const answer = async (message: Buffer, transport: Transport): Promise<Buffer | undefined> => {
    const query = packet.decode(message);
    const question = query.questions?.[0];
    if (!question) return undefined;
    questions.push({ name: bareName(question.name), type: question.type, transport, at: new Date() });
    if (faults.silent) return undefined;
    const forced = forcedReply(query, faults, transport);
    if (forced) return forced;
    const own = await ownAnswer(question, [...zones()], resolver);
    if (own === 'SERVFAIL') return encodeReply(query, own, []);
    if (own) return fitted(query, own, transport);
    return transport === 'udp' ? exchangeUdp(behind, message) : exchangeTcp(behind, message);
  };

  const listener = await listenDns(address, answer);
  return { ...listener, faults, questions };
}

function forcedReply(query: DecodedPacket, faults: Faults, transport: Transport): Buffer | undefined {
  if (faults.servfail) return encodeReply(query, 'SERVFAIL', []);
  if (faults.truncateUdp && transport === 'udp')
    return encodeReply(query, 'NOERROR', [], { truncated: true });
  return undefined;
}

/** The answer where BIND has none: undefined says that BIND knows better. */
async function ownAnswer(
  { name, type }: Question,
  zones: readonly SplitZone[],
  resolver: string,
): Promise<Answer[] | 'SERVFAIL' | undefined> {
  const asked = bareName(name);
  for (const { besideCname, apexCname } of zones) {
    if (apexCname?.name === asked && (type === 'A' || type === 'AAAA')) {
      return flattened(name, type, bareName(apexCname.data), resolver);
    }
    const records = besideCname.filter((record) => record.name === asked && record.type === type);
    if (records.length > 0) return records.map((record) => toAnswer(record, name));
  }
  return undefined;
}

async function flattened(
  name: string,
  type: 'A' | 'AAAA',
  target: string,
  resolver: string,
): Promise<Answer[] | 'SERVFAIL'> {
  const reply = await ask(resolver, target, type).catch(() => undefined);
  if (reply?.rcode !== 'NOERROR') return 'SERVFAIL';
  return reply.answers.filter((answer) => answer.type === type).map((answer) => ({ ...answer, name }));
}

/** The answer, or a truncated empty one where it is too long for UDP (RFC 2181 §9). */
function fitted(query: DecodedPacket, answers: Answer[], transport: Transport): Buffer {
  const whole = encodeReply(query, 'NOERROR', answers);
  const limit = query.additionals?.find((record) => record.type === 'OPT')?.udpPayloadSize ?? PLAIN_UDP_SIZE;
  if (transport === 'tcp' || whole.length <= Math.max(limit, PLAIN_UDP_SIZE)) return whole;
  return encodeReply(query, 'NOERROR', [], { truncated: true });
}

function encodeReply(
  query: DecodedPacket,
  code: ReplyCode,
  answers: Answer[],
  { truncated = false } = {},
): Buffer {
  const asked = query.flag_rd ? packet.RECURSION_DESIRED : 0;
  const hasOpt = query.additionals?.some((record) => record.type === 'OPT') ?? false;
  return packet.encode({
    type: 'response',
    id: query.id ?? 0,
    flags:
      packet.AUTHORITATIVE_ANSWER | asked | (truncated ? packet.TRUNCATED_RESPONSE : 0) | replyCodes[code],
    questions: query.questions ?? [],
    answers,
    additionals: hasOpt ? [optRecord(1232)] : [],
  });
}
