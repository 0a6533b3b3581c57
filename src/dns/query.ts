import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { BADRESP, TIMEOUT } from 'node:dns';
import { isIPv6 } from 'node:net';
import packet from 'dns-packet';
import { untilAborted, withDeadline } from '../async.ts';
import { systemClock } from '../clock.ts';
import { systemErrorCode } from '../errors.ts';
import { canonicalName } from './name.ts';
import { shortestIpv6 } from './presentation.ts';
import { exchangeTcp, transportError } from './tcp.ts';

/** A name server's address and port. */
export interface NameServer {
  readonly address: string;
  readonly port: number;
}

/** A question of a query (RFC 9499): QNAME and QTYPE. */
export interface Question {
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'CNAME' | 'TXT' | 'CAA' | 'NS' | 'SOA';
}

/** The parts of a response that this program needs. Names are canonical. */
export interface Reply {
  /** NOERROR, NXDOMAIN, SERVFAIL, … */
  readonly rcode: string;
  readonly answers: readonly Rr[];
  readonly authorities: readonly Rr[];
}

/** A resource record of a response. */
export interface Rr {
  readonly name: string;
  readonly type: string;
  /** Canonical like a DnsRecord's value; empty for SOA and for types that are never queried. */
  readonly value: string;
}

/** The limits of one query. */
export interface QueryOptions {
  /** Milliseconds for each transport. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

// RFC 9715 §3: the largest payload that is not fragmented anywhere.
const UDP_PAYLOAD = 1232;

/** Sends one question to one name server: `query`, or a test's replacement. */
export type Query = (server: NameServer, question: Question, options: QueryOptions) => Promise<Reply>;

/**
 * Sends one question to one name server: over UDP, then over TCP if the response is truncated or
 * none arrives (RFC 7766 §5). Rejects with the transport's error, whose `code` is one of the system
 * or of `node:dns` (ETIMEOUT, EOF, EBADRESP), or with the signal's reason.
 */
export async function query(server: NameServer, question: Question, options: QueryOptions): Promise<Reply> {
  const id = randomInt(0x10000);
  const message = packet.encode({
    type: 'query',
    id,
    flags: packet.RECURSION_DESIRED,
    questions: [question],
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: UDP_PAYLOAD,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      },
    ],
  });
  const fits = (reply: packet.DecodedPacket) => reply.id === id && matches(reply, question);
  const overUdp = await queryUdp(server, message, fits, options).catch((thrown: unknown) => {
    options.signal.throwIfAborted();
    if (isUnroutable(thrown)) throw thrown;
    return undefined;
  });
  if (overUdp && !overUdp.flag_tc) return toReply(overUdp);
  return toReply(await queryTcp(server, message, fits, options));
}

/**
 * Whether an error means that this host has no route to the address, for example to an IPv6 address
 * without IPv6.
 */
export function isUnroutable(thrown: unknown): boolean {
  const code = systemErrorCode(thrown) ?? '';
  return [
    'ENETUNREACH',
    'EHOSTUNREACH',
    'EADDRNOTAVAIL',
    'EAFNOSUPPORT',
    'EINVAL',
    'EPERM',
    'EACCES',
  ].includes(code);
}

function matches(reply: packet.DecodedPacket, question: Question): boolean {
  const answered = reply.questions?.[0];
  return answered?.type === question.type && canonicalName(answered.name) === canonicalName(question.name);
}

type Fits = (reply: packet.DecodedPacket) => boolean;

async function queryUdp(
  { address, port }: NameServer,
  message: Buffer,
  fits: Fits,
  options: QueryOptions,
): Promise<packet.DecodedPacket> {
  return await withinTimeout(options, async (signal) => {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    const { promise, resolve, reject } = Promise.withResolvers<packet.DecodedPacket>();
    socket.on('error', reject);
    // A connected socket receives only datagrams of that server, and reports ICMP errors.
    socket.on('connect', () => socket.send(message));
    socket.on('message', (bytes) => {
      const reply = decode(bytes);
      if (reply && fits(reply)) resolve(reply);
    });
    socket.connect(port, address);
    try {
      return await untilAborted(promise, signal);
    } finally {
      socket.close();
    }
  });
}

async function queryTcp(
  { address, port }: NameServer,
  message: Buffer,
  fits: Fits,
  options: QueryOptions,
): Promise<packet.DecodedPacket> {
  let reply: packet.DecodedPacket | undefined;
  await withinTimeout(options, (signal) =>
    exchangeTcp({ host: address, port }, message, signal, (bytes) => {
      reply = decode(bytes);
      return true;
    }),
  );
  if (reply && fits(reply)) return reply;
  throw transportError(BADRESP, 'the response is malformed or belongs to another question');
}

/** Runs an exchange until it settles, the timeout has passed or the signal aborts. */
function withinTimeout<T>(
  { timeoutMs, signal }: QueryOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = () => transportError(TIMEOUT, `no answer within ${timeoutMs} ms`);
  return withDeadline({ clock: systemClock, timeoutMs, signal }, late, work);
}

function decode(bytes: Buffer): packet.DecodedPacket | undefined {
  try {
    return packet.decode(bytes);
  } catch {
    return undefined;
  }
}

function toReply(reply: packet.DecodedPacket): Reply {
  // The decoder sets the response code, which the library's types lack.
  const { rcode } = reply as packet.DecodedPacket & { rcode?: string };
  return {
    rcode: rcode ?? 'NOERROR',
    answers: (reply.answers ?? []).map(toRr),
    authorities: (reply.authorities ?? []).map(toRr),
  };
}

function toRr(answer: packet.Answer): Rr {
  return { name: canonicalName(answer.name), type: answer.type, value: canonicalValue(answer) };
}

function canonicalValue(answer: packet.Answer): string {
  switch (answer.type) {
    case 'A':
      return answer.data;
    case 'AAAA':
      // The decoder shortens the first run of zeros; RFC 5952 §4.2.3 requires the longest.
      return shortestIpv6(answer.data);
    case 'CNAME':
    case 'NS':
      return canonicalName(answer.data);
    case 'TXT':
      return [answer.data]
        .flat()
        .map((part) => part.toString())
        .join('');
    case 'CAA':
      return `${answer.data.flags ?? 0} ${answer.data.tag} "${answer.data.value}"`;
    default:
      return '';
  }
}
