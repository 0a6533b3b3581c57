import { once } from 'node:events';
import { connect, isIP, type Socket } from 'node:net';
import { addAbortSignal } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { systemErrorCode } from '../../errors.ts';
import { saysTlsRequired } from '../config/http-rules.ts';

/** Milliseconds for each connection. A SYN that is lost is sent again after one second. */
const TIMEOUT_MS = 2_000;

/**
 * Whether an address accepts TCP connections: undefined if it does, else the system's error code.
 * Never rejects.
 */
export type TcpProbe = (
  at: { readonly address: string; readonly port: number },
  signal: AbortSignal,
) => Promise<string | undefined>;

/** Connects, and closes without sending anything. */
export const probeTcp: TcpProbe = ({ address, port }, signal) =>
  new Promise((resolve) => {
    const socket = connect({
      host: address,
      port,
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    socket.on('connect', () => {
      resolve(undefined);
      socket.destroy();
    });
    socket.on('error', (error: NodeJS.ErrnoException) =>
      resolve(error.name === 'AbortError' ? 'ETIMEDOUT' : (error.code ?? error.message)),
    );
  });

/** The protocol of an app on a port. */
export type ProbedProtocol = 'http/1.1' | 'h2' | 'tls';

/** The app to probe, and what to send to it. */
export interface ProbeTarget {
  /** IP addresses, which are tried in turn until one connects. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** The Host field to send: some apps respond only to their own names. */
  readonly authority: string;
  /** The SNI to send, unless it is an IP address. */
  readonly servername: string;
  /** The PROXY header at the start of each connection; empty for none. */
  readonly header: Buffer;
}

/** One of the addresses. */
interface ProbeAddress extends Omit<ProbeTarget, 'addresses'> {
  readonly address: string;
}

/**
 * Enough of an answer to recognize it: a status line up to its status, or the head of an HTTP/2
 * frame (RFC 9113 §4.1).
 */
const ENOUGH_BYTES = 12;
const FRAME_HEAD_BYTES = 9;
/** The limit for a 400, whose body is needed too. */
const MAX_BYTES = 16_384;

/** A request about the server as a whole, not a resource of the app. */
const http1 = (authority: string) =>
  Buffer.from(`OPTIONS * HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n\r\n`);
/** The connection preface with an empty SETTINGS frame (RFC 9113 §3.4). */
const HTTP2 = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);

/**
 * Detects what an app speaks with an HTTP/1.1 request, then a TLS handshake, then an HTTP/2
 * preface, until one is answered. Servers react differently to a protocol that they do not speak:
 * some answer in their own, which ends the search, others close the connection. Undefined if
 * nothing is recognized. Rejects only with the signal's reason.
 */
export async function probeProtocol(
  { addresses, ...app }: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbedProtocol | undefined> {
  for (const address of addresses) {
    const target = { ...app, address };
    const answer = await exchange(http1(app.authority), target, signal);
    if (answer !== undefined)
      return protocolOfAnswer(answer) ?? (await probeOtherThanHttp1(answer, target, signal));
  }
  return undefined;
}

/**
 * Probes for TLS and HTTP/2, after the answer to an HTTP/1.1 request. A server that answered in
 * HTTP/1.1 does not speak only HTTP/2.
 */
async function probeOtherThanHttp1(
  answer: Buffer,
  app: ProbeAddress,
  signal: AbortSignal,
): Promise<ProbedProtocol | undefined> {
  if (await acceptsTls(app, signal)) return 'tls';
  if (statusOf(answer) !== undefined) return undefined;
  return protocolOfAnswer((await exchange(HTTP2, app, signal)) ?? Buffer.alloc(0));
}

/**
 * Recognizes the first bytes of an answer: an HTTP/1.1 status line, an HTTP/2 SETTINGS frame, or a
 * TLS alert or handshake record. Undefined for anything else, and for a 400 that says that TLS is
 * required. Pure.
 */
export function protocolOfAnswer(bytes: Buffer): ProbedProtocol | undefined {
  const status = statusOf(bytes);
  if (status !== undefined)
    return status === '400' && saysTlsRequired(bytes.toString('latin1')) ? undefined : 'http/1.1';
  if (bytes.length >= 2 && [0x15, 0x16].includes(bytes.readUInt8(0)) && bytes.readUInt8(1) === 3)
    return 'tls';
  const isSettings = bytes.length >= FRAME_HEAD_BYTES && bytes.readUInt8(3) === 4;
  // A setting has six bytes, and a SETTINGS frame is on stream 0.
  return isSettings && bytes.readUIntBE(0, 3) % 6 === 0 && bytes.readUInt32BE(5) === 0 ? 'h2' : undefined;
}

function statusOf(bytes: Buffer): string | undefined {
  return /^HTTP\/1\.[01] (\d{3})/.exec(bytes.toString('latin1', 0, ENOUGH_BYTES))?.[1];
}

/** Sends bytes and resolves with the answer; undefined if there was no connection. */
async function exchange(
  request: Buffer,
  app: ProbeAddress,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  let answer: Buffer | undefined;
  await withConnection(app, signal, async (socket) => {
    answer = Buffer.alloc(0);
    socket.write(request);
    for await (const chunk of socket) {
      answer = Buffer.concat([answer, chunk]);
      if (isEnough(answer)) break;
    }
  });
  return answer;
}

function isEnough(answer: Buffer): boolean {
  if (statusOf(answer) === '400') return protocolOfAnswer(answer) === undefined || answer.length >= MAX_BYTES;
  return answer.length >= ENOUGH_BYTES || protocolOfAnswer(answer) !== undefined;
}

async function acceptsTls(app: ProbeAddress, signal: AbortSignal): Promise<boolean> {
  let accepted = false;
  await withConnection(app, signal, async (socket, ends) => {
    const sni = isIP(app.servername) === 0 ? { servername: app.servername } : {};
    const secure = connectTls({ socket, rejectUnauthorized: false, ...sni });
    // It emits another error when its socket is destroyed after `once` has rejected.
    secure.on('error', () => undefined);
    try {
      await once(secure, 'secureConnect', { signal: ends });
      accepted = true;
    } catch (thrown) {
      // A server that refuses a handshake with an alert speaks TLS.
      accepted = /ALERT|UNRECOGNIZED_NAME/.test(systemErrorCode(thrown) ?? '');
    } finally {
      secure.destroy();
    }
  });
  return accepted;
}

/** Calls `use` with a connection, within the time limit. A failure counts as no answer. */
async function withConnection(
  { address, port, header }: ProbeAddress,
  signal: AbortSignal,
  use: (socket: Socket, ends: AbortSignal) => Promise<void>,
): Promise<void> {
  const ends = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const socket = addAbortSignal(ends, connect({ host: address, port }));
  socket.on('error', () => undefined);
  try {
    await once(socket, 'connect', { signal: ends });
    if (header.length > 0) socket.write(header);
    await use(socket, ends);
  } catch {
    signal.throwIfAborted();
  } finally {
    socket.destroy();
  }
}
