import { once } from 'node:events';
import { connect, isIP, type Socket } from 'node:net';
import { addAbortSignal } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { saysTlsRequired } from '../config/plain-to-tls.ts';

/** What an app understands on a port. */
export type ProbedProtocol = 'http/1.1' | 'h2' | 'tls';

/** Where to ask. */
export interface ProbeTarget {
  /** IP addresses, which are tried in turn until one connects. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** The host to ask for in HTTP: some apps answer for their own names only. */
  readonly authority: string;
  /** For a server that has several; an IP address is none. */
  readonly servername: string;
  /** What each connection has to begin with. */
  readonly header: Buffer;
}

/** One of the addresses. */
interface ProbeAddress extends Omit<ProbeTarget, 'addresses'> {
  readonly address: string;
}

/** For each question. */
const LIMIT_MS = 2_000;
/** What is to be looked at: a status line up to its status, the head of a frame (RFC 9113 §4.1) or less. */
const ENOUGH_BYTES = 12;
const FRAME_HEAD_BYTES = 9;
/** Of a 400, whose text is looked at too. */
const MOST_BYTES = 16_384;

/** Asks for nothing of the app, only for its server. */
const http1 = (authority: string) =>
  Buffer.from(`OPTIONS * HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n\r\n`);
/** The preface and no settings (RFC 9113 §3.4). */
const HTTP2 = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);

/**
 * Finds out what an app understands by asking it in HTTP/1.1, then by a TLS handshake, then in HTTP/2, until one is answered.
 * Servers differ in what they do with a question that they do not understand: some answer in their own terms, which ends the
 * search, others close. Undefined when nothing is answered. Rejects only with the signal's reason.
 */
export async function probeProtocol(
  { addresses, ...app }: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbedProtocol | undefined> {
  for (const address of addresses) {
    const asked = { ...app, address };
    const answer = await exchange(http1(app.authority), asked, signal);
    if (answer !== undefined) return protocolOfAnswer(answer) ?? (await probeFurther(answer, asked, signal));
  }
  return undefined;
}

/** What else an app understands, after its answer to a question in HTTP/1.1. What answered in HTTP/1.1 does not speak HTTP/2 only. */
async function probeFurther(
  answer: Buffer,
  app: ProbeAddress,
  signal: AbortSignal,
): Promise<ProbedProtocol | undefined> {
  if (await acceptsTls(app, signal)) return 'tls';
  if (statusOf(answer) !== undefined) return undefined;
  return protocolOfAnswer((await exchange(HTTP2, app, signal)) ?? Buffer.alloc(0));
}

/**
 * What the first bytes of an answer are: a status line, a SETTINGS frame, an alert or a handshake of TLS. A 400 that says in its
 * text that TLS is wanted is none of them. Pure.
 */
export function protocolOfAnswer(bytes: Buffer): ProbedProtocol | undefined {
  const status = statusOf(bytes);
  if (status !== undefined)
    return status === '400' && saysTlsRequired(bytes.toString('latin1')) ? undefined : 'http/1.1';
  if (bytes.length >= 2 && [0x15, 0x16].includes(bytes.readUInt8(0)) && bytes.readUInt8(1) === 3)
    return 'tls';
  const isSettings = bytes.length >= FRAME_HEAD_BYTES && bytes.readUInt8(3) === 4;
  // Each setting takes six bytes, and they are those of the connection.
  return isSettings && bytes.readUIntBE(0, 3) % 6 === 0 && bytes.readUInt32BE(5) === 0 ? 'h2' : undefined;
}

function statusOf(bytes: Buffer): string | undefined {
  return /^HTTP\/1\.[01] (\d{3})/.exec(bytes.toString('latin1', 0, ENOUGH_BYTES))?.[1];
}

/** Undefined when there was no connection. */
async function exchange(
  question: Buffer,
  app: ProbeAddress,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  let answer: Buffer | undefined;
  await withConnection(app, signal, async (socket) => {
    answer = Buffer.alloc(0);
    socket.write(question);
    for await (const chunk of socket) {
      answer = Buffer.concat([answer, chunk]);
      if (isEnough(answer)) break;
    }
  });
  return answer;
}

function isEnough(answer: Buffer): boolean {
  if (statusOf(answer) === '400') return protocolOfAnswer(answer) === undefined || answer.length >= MOST_BYTES;
  return answer.length >= ENOUGH_BYTES || protocolOfAnswer(answer) !== undefined;
}

async function acceptsTls(app: ProbeAddress, signal: AbortSignal): Promise<boolean> {
  let shaken = false;
  await withConnection(app, signal, async (socket, ends) => {
    const named = isIP(app.servername) === 0 ? { servername: app.servername } : {};
    const secure = connectTls({ socket, rejectUnauthorized: false, ...named });
    // It fails once more, unheard, when its socket is ended after `once` has given up.
    secure.on('error', () => undefined);
    try {
      await once(secure, 'secureConnect', { signal: ends });
      shaken = true;
    } catch (thrown) {
      // What knows how to refuse a handshake speaks TLS.
      shaken = /ALERT|UNRECOGNIZED_NAME/.test(
        String(thrown instanceof Error && 'code' in thrown && thrown.code),
      );
    } finally {
      secure.destroy();
    }
  });
  return shaken;
}

/** Does `ask` with a connection, within the limit. What goes wrong is an answer that did not come. */
async function withConnection(
  { address, port, header }: ProbeAddress,
  signal: AbortSignal,
  ask: (socket: Socket, ends: AbortSignal) => Promise<void>,
): Promise<void> {
  const ends = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  const socket = addAbortSignal(ends, connect({ host: address, port }));
  socket.on('error', () => undefined);
  try {
    await once(socket, 'connect', { signal: ends });
    if (header.length > 0) socket.write(header);
    await ask(socket, ends);
  } catch {
    signal.throwIfAborted();
  } finally {
    socket.destroy();
  }
}
