import { once } from 'node:events';
import { connect, isIP, type Socket } from 'node:net';
import { addAbortSignal } from 'node:stream';
import { connect as connectTls } from 'node:tls';

/** What an app understands on a port. */
export type Spoken = 'http/1.1' | 'h2' | 'tls';

/** Where to ask. */
export interface AskedApp {
  /** An IP address. */
  readonly address: string;
  readonly port: number;
  /** For a server that has several; an IP address is none. */
  readonly servername: string;
  /** What each connection has to begin with. */
  readonly header: Buffer;
}

/** For each question. */
const LIMIT_MS = 2_000;
/** What is to be looked at: a status line up to its status, the head of a frame (RFC 9113 §4.1) or less. */
const ENOUGH_BYTES = 12;
const FRAME_HEAD_BYTES = 9;

/** Asks for nothing of the app, only for its server. */
const HTTP1 = Buffer.from('OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
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
export async function spokenBy(app: AskedApp, signal: AbortSignal): Promise<Spoken | undefined> {
  const first = readSpoken(await answerTo(HTTP1, app, signal));
  if (first !== undefined) return first;
  if (await shakesHands(app, signal)) return 'tls';
  return readSpoken(await answerTo(HTTP2, app, signal));
}

/**
 * What the first bytes of an answer are: a status line, a SETTINGS frame, an alert or a handshake of TLS. A status of 400 says
 * nothing, because some servers put into words with it that they want TLS. Pure.
 */
export function readSpoken(bytes: Buffer): Spoken | undefined {
  if (/^HTTP\/1\.[01] (?!400)\d{3}/.test(bytes.toString('latin1', 0, ENOUGH_BYTES))) return 'http/1.1';
  if (bytes.length >= 2 && [0x15, 0x16].includes(bytes.readUInt8(0)) && bytes.readUInt8(1) === 3)
    return 'tls';
  const isSettings = bytes.length >= FRAME_HEAD_BYTES && bytes.readUInt8(3) === 4;
  // Each setting takes six bytes, and they are those of the connection.
  return isSettings && bytes.readUIntBE(0, 3) % 6 === 0 && bytes.readUInt32BE(5) === 0 ? 'h2' : undefined;
}

async function answerTo(question: Buffer, app: AskedApp, signal: AbortSignal): Promise<Buffer> {
  let answer = Buffer.alloc(0);
  await withConnection(app, signal, async (socket) => {
    socket.write(question);
    for await (const chunk of socket) {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length >= ENOUGH_BYTES || readSpoken(answer) !== undefined) break;
    }
  });
  return answer;
}

async function shakesHands(app: AskedApp, signal: AbortSignal): Promise<boolean> {
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
  { address, port, header }: AskedApp,
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
