import packet, { type Answer, type DecodedPacket, type Question } from 'dns-packet';
import { type Endpoint, exchangeTcp, exchangeUdp, query } from './dns-client.ts';
import { DnsFaults, type SeenQuestion, seenQuestion } from './dns-faults.ts';
import { type Answerer, type DnsListener, listenDns, type Transport } from './dns-listener.ts';
import { encodeReply } from './dns-reply.ts';
import { bareName, toAnswer } from './presentation.ts';
import type { SplitZone } from './zone-split.ts';

export interface FrontOptions {
  /** The public address, port 53. */
  readonly address: string;
  /** The BIND behind it. */
  readonly behind: Endpoint;
  /** The resolver for the addresses of an apex CNAME's target. */
  readonly resolver: string;
  /** The zones as this server currently answers them. */
  readonly zones: () => Iterable<SplitZone>;
}

export interface Front extends DnsListener {
  readonly faults: DnsFaults;
  /** Every query since the start, oldest first. */
  readonly questions: readonly SeenQuestion[];
}

// The maximum size of a UDP message without EDNS (RFC 1035 §2.3.4).
const PLAIN_UDP_SIZE = 512;

/**
 * Starts an authoritative server that forwards every query to BIND byte for byte, except those that
 * BIND cannot be made to answer like Cloudflare: other types beside a CNAME, and the addresses of a
 * CNAME at the apex. Types beside a wildcard's CNAME are answered at the literal name `*` only.
 */
export async function startFront({ address, behind, resolver, zones }: FrontOptions): Promise<Front> {
  const faults = new DnsFaults();
  const questions: SeenQuestion[] = [];

  const answer: Answerer = async (message, transport, client) => {
    const query = packet.decode(message);
    const [question] = query.questions ?? [];
    const seen = seenQuestion(query, transport, client);
    if (!question || !seen) return undefined;
    questions.push(seen);
    const forced = await faults.reply(query, seen);
    if (forced !== undefined) return forced === 'silence' ? undefined : forced;
    const own = await ownAnswer(question, [...zones()], resolver);
    if (own === 'SERVFAIL') return encodeReply(query, own, []);
    if (own) return fitted(query, own, transport);
    return transport === 'udp' ? exchangeUdp(behind, message) : exchangeTcp(behind, message);
  };

  const listener = await listenDns(address, answer);
  return { ...listener, faults, questions };
}

/** The answer that BIND cannot give; undefined if the query goes to BIND. */
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
  const reply = await query(resolver, target, type).catch(() => undefined);
  if (reply?.rcode !== 'NOERROR') return 'SERVFAIL';
  return reply.answers.filter((answer) => answer.type === type).map((answer) => ({ ...answer, name }));
}

/** The answer, or an empty truncated one if it is too long for UDP (RFC 2181 §9). */
function fitted(query: DecodedPacket, answers: Answer[], transport: Transport): Buffer {
  const whole = encodeReply(query, 'NOERROR', answers);
  const limit = query.additionals?.find((record) => record.type === 'OPT')?.udpPayloadSize ?? PLAIN_UDP_SIZE;
  if (transport === 'tcp' || whole.length <= Math.max(limit, PLAIN_UDP_SIZE)) return whole;
  return encodeReply(query, 'NOERROR', [], { truncated: true });
}
