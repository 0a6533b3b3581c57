import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import packet from 'dns-packet';
import { canonicalName } from './name.ts';
import { shortestIpv6 } from './presentation.ts';

/** A name server's address and port. */
export interface NameServer {
  readonly address: string;
  readonly port: number;
}

export interface Question {
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'CNAME' | 'TXT' | 'CAA' | 'NS' | 'SOA';
}

/** What one name server said, reduced to what is asked of it here. Names are canonical. */
export interface Reply {
  /** NOERROR, NXDOMAIN, SERVFAIL, … */
  readonly rcode: string;
  readonly answers: readonly Rr[];
  readonly authorities: readonly Rr[];
}

export interface Rr {
  readonly name: string;
  readonly type: string;
  /** Canonical like a DnsRecord's value; SOA and types that are not asked for are empty. */
  readonly value: string;
}

export interface QueryOptions {
  /** Milliseconds for each transport. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

// RFC 9715 §3: the largest payload that passes everywhere unfragmented.
const UDP_PAYLOAD = 1232;

/** How one name server is asked: `query`, or what stands in for it. */
export type Query = (server: NameServer, question: Question, options: QueryOptions) => Promise<Reply>;

/**
 * Asks one name server one question: by UDP, then by TCP when the answer was truncated or none came (RFC 7766 §5).
 * Rejects with the transport's error (its `code` kept), or with the signal's reason.
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
  const overUdp = await exchangeUdp(server, message, fits, options).catch((thrown: unknown) => {
    options.signal.throwIfAborted();
    if (isUnroutable(thrown)) throw thrown;
    return undefined;
  });
  if (overUdp && !overUdp.flag_tc) return toReply(overUdp);
  return toReply(await exchangeTcp(server, message, fits, options));
}

/** Whether an error means that this host has no way to the address at all, such as IPv6 where there is none. */
export function isUnroutable(thrown: unknown): boolean {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
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
  const asked = reply.questions?.[0];
  return asked?.type === question.type && canonicalName(asked.name) === canonicalName(question.name);
}

type Fits = (reply: packet.DecodedPacket) => boolean;

async function exchangeUdp(
  { address, port }: NameServer,
  message: Buffer,
  fits: Fits,
  options: QueryOptions,
): Promise<packet.DecodedPacket> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  try {
    return await withinLimit<packet.DecodedPacket>(options, (resolve, reject) => {
      socket.on('error', reject);
      // A connected socket takes datagrams of that one server only, and reports its ICMP refusals.
      socket.on('connect', () => socket.send(message));
      socket.on('message', (bytes) => {
        const reply = decode(bytes);
        if (reply && fits(reply)) resolve(reply);
      });
      socket.connect(port, address);
    });
  } finally {
    socket.close();
  }
}

async function exchangeTcp(
  { address, port }: NameServer,
  message: Buffer,
  fits: Fits,
  options: QueryOptions,
): Promise<packet.DecodedPacket> {
  const socket = connect({ host: address, port });
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  let received = Buffer.alloc(0);
  try {
    return await withinLimit<packet.DecodedPacket>(options, (resolve, reject) => {
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('the name server closed the connection without an answer')));
      socket.on('connect', () => socket.write(Buffer.concat([length, message])));
      socket.on('data', (bytes: Buffer) => {
        received = Buffer.concat([received, bytes]);
        if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
        const reply = decode(received.subarray(2, 2 + received.readUInt16BE(0)));
        if (reply && fits(reply)) resolve(reply);
        else reject(new Error('the name server answered another question'));
      });
    });
  } finally {
    socket.destroy();
  }
}

/** Runs an exchange until it settles, the time limit ends or the signal aborts. */
async function withinLimit<T>(
  { timeoutMs, signal }: QueryOptions,
  start: (resolve: (value: T) => void, reject: (reason: unknown) => void) => void,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  else start(resolve, reject);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

function decode(bytes: Buffer): packet.DecodedPacket | undefined {
  try {
    return packet.decode(bytes);
  } catch {
    return undefined;
  }
}

function toReply(reply: packet.DecodedPacket): Reply {
  // The library's types leave the response code out; its decoder sets it.
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
      // The decoder leaves out the first run of zeros; RFC 5952 §4.2.3 wants the longest.
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
