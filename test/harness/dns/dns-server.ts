import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import packet, { type Answer } from 'dns-packet';
import type { NameServer, Question } from '../../../src/dns/query.ts';
import { createTcpSplitter, withLength } from '../../world/dns/dns-client.ts';
import { openServer } from '../../world/open-server.ts';
import { afterTest } from '../after-test.ts';

export type Transport = 'udp' | 'tcp';

/** One message of the server. An absent field has its correct value. */
export interface DnsMessage {
  readonly rcode?: 'NOERROR' | 'NXDOMAIN' | 'SERVFAIL' | 'REFUSED';
  readonly answers?: readonly Answer[];
  readonly authorities?: readonly Answer[];
  readonly truncated?: boolean;
  readonly otherId?: boolean;
  readonly otherQuestion?: Question;
  /** Over TCP: byte by byte, each after the previous one was sent. */
  readonly inPieces?: boolean;
  /** Sent instead of a message. */
  readonly raw?: Buffer;
}

/** The reaction to a query: messages in this order, silence, or closing the connection. */
export type Reaction = DnsMessage | readonly DnsMessage[] | 'silence' | 'close';
export type DnsScript = (question: Question, transport: Transport) => Reaction;

/** A name server with scripted responses, on UDP and TCP of one port until the test ends. */
export interface DnsServer extends NameServer {
  /** The questions, as `udp app.example.com TXT`. */
  readonly queries: readonly string[];
}

const RCODES = { NOERROR: 0, NXDOMAIN: 3, SERVFAIL: 2, REFUSED: 5 } as const;
const TRIES = 20;

/** Starts a scripted name server; by default on a free port of 127.0.0.1. */
export async function startDnsServer(
  t: Pick<TestContext, 'after'>,
  script: DnsScript,
  where: Partial<NameServer> = {},
): Promise<DnsServer> {
  const { address = '127.0.0.1' } = where;
  const queries: string[] = [];
  const react = (bytes: Buffer, transport: Transport): readonly Sent[] | 'close' => {
    const query = packet.decode(bytes);
    const { name = '', type = 'A' } = query.questions?.[0] ?? {};
    // Only this program sends queries, and only for these types.
    const question = { name, type } as Question;
    queries.push(`${transport} ${name} ${type}`);
    const reaction = script(question, transport);
    if (reaction === 'close') return 'close';
    if (reaction === 'silence') return [];
    return [reaction].flat().map((message) => ({
      bytes: encode(query.id ?? 0, question, message),
      inPieces: message.inPieces ?? false,
    }));
  };
  const tcp = createServer((connection) => {
    const split = createTcpSplitter();
    connection.on('data', (piece: Buffer) => {
      for (const reaction of split(piece).map((bytes) => react(bytes, 'tcp'))) {
        if (reaction === 'close') connection.end();
        else for (const { bytes, inPieces } of reaction) void send(connection, withLength(bytes), inPieces);
      }
    });
  });
  for (let attempt = 1; ; attempt += 1) {
    const server = await openServer(tcp, { host: address, port: where.port ?? 0 });
    // A TCP server that listens has an address with a port.
    const { port } = tcp.address() as AddressInfo;
    const udp = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    try {
      udp.bind(port, address);
      await once(udp, 'listening');
    } catch (thrown) {
      await server[Symbol.asyncDispose]();
      if (where.port !== undefined || attempt === TRIES) throw thrown;
      continue;
    }
    udp.on('message', (bytes, from) => {
      const reaction = react(bytes, 'udp');
      if (reaction === 'close') return;
      for (const { bytes } of reaction) udp.send(bytes, from.port, from.address);
    });
    afterTest(t, async () => {
      udp.close();
      await server[Symbol.asyncDispose]();
    });
    return { address, port, queries };
  }
}

interface Sent {
  readonly bytes: Buffer;
  readonly inPieces: boolean;
}

async function send(connection: Socket, bytes: Buffer, inPieces: boolean): Promise<void> {
  if (!inPieces) return void connection.write(bytes);
  connection.setNoDelay();
  for (const byte of bytes) {
    await new Promise((sent) => connection.write(Buffer.of(byte), sent));
    // The client runs in the same process and reads this byte before the next one is sent.
    await setImmediate();
  }
}

function encode(id: number, question: Question, message: DnsMessage): Buffer {
  if (message.raw) return message.raw;
  const { answers = [], authorities = [], rcode = 'NOERROR' } = message;
  const truncated = message.truncated ? packet.TRUNCATED_RESPONSE : 0;
  return packet.encode({
    type: 'response',
    id: message.otherId ? id ^ 1 : id,
    flags: packet.AUTHORITATIVE_ANSWER | truncated | RCODES[rcode],
    questions: [message.otherQuestion ?? question],
    answers: [...answers],
    authorities: [...authorities],
  });
}

export const txt = (name: string, ...parts: string[]): Answer => ({
  name,
  type: 'TXT',
  ttl: 60,
  data: parts,
});
export const cname = (name: string, data: string): Answer => ({ name, type: 'CNAME', ttl: 60, data });
export const a = (name: string, data: string): Answer => ({ name, type: 'A', ttl: 60, data });
export const aaaa = (name: string, data: string): Answer => ({ name, type: 'AAAA', ttl: 60, data });
export const ns = (name: string, data: string): Answer => ({ name, type: 'NS', ttl: 60, data });
export const caa = (name: string, tag: string, value: string): Answer => ({
  name,
  type: 'CAA',
  ttl: 60,
  // The library's type lists only the tags that it knows.
  data: { flags: 0, tag: tag as 'issue', value },
});
export const soa = (name: string): Answer => ({
  name,
  type: 'SOA',
  ttl: 60,
  data: {
    mname: `ns1.${name}`,
    rname: `admin.${name}`,
    serial: 1,
    refresh: 1,
    retry: 1,
    expire: 1,
    minimum: 1,
  },
});
