import type { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { untilAborted, withDeadline } from '../../async.ts';
import { type Clock, until } from '../../clock.ts';
import { IngressError, messageOf } from '../../errors.ts';

export interface HandshakeOptions {
  /** The Unix socket on which HAProxy shows us what it shows everybody, whatever others do to the port. */
  readonly path: string;
  /** The name to ask for; of a wildcard (`*.x`) some name below it is asked for. */
  readonly servername: string;
  readonly clock: Clock;
  /** Milliseconds that the handshake may take. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface ExpectedCertificate extends Omit<HandshakeOptions, 'timeoutMs'> {
  /** SHA-256 of the certificate in hexadecimal, with or without colons. */
  readonly fingerprint256: string;
  /** Milliseconds to go on trying, 5,000 by default. */
  readonly timeoutMs?: number;
}

const ATTEMPT_TIMEOUT_MS = 2_000;

/**
 * Proves that HAProxy presents a certificate, by TLS handshakes until one shows it. Whether anybody
 * trusts it is not asked. Throws HANDSHAKE_FAILED with what was seen last.
 */
export async function verifyServed(expected: ExpectedCertificate): Promise<void> {
  const { path, servername, clock, signal, timeoutMs = 5_000 } = expected;
  const wanted = normalize(expected.fingerprint256);
  const attempt = { path, servername, clock, signal, timeoutMs: ATTEMPT_TIMEOUT_MS };
  let seen = 'nothing';
  const proven = await until(
    async () => {
      seen = await fingerprintOrFailure(attempt);
      return seen === wanted ? true : undefined;
    },
    { clock, timeoutMs, everyMs: 100, ...(signal ? { signal } : {}) },
  );
  if (proven) return;
  const asked = sniFor(servername);
  throw new IngressError(
    'HANDSHAKE_FAILED',
    `A handshake with HAProxy for ${asked} did not show the certificate: ${seen}.`,
    { details: { path, servername: asked, expected: wanted, seen } },
  );
}

/** The fingerprint of the certificate that is presented, or why there is none. */
async function fingerprintOrFailure(attempt: HandshakeOptions): Promise<string> {
  try {
    return normalize((await presentedCertificate(attempt)).fingerprint256);
  } catch (thrown) {
    attempt.signal?.throwIfAborted();
    return messageOf(thrown);
  }
}

/**
 * The certificate that HAProxy presents in one handshake, whoever trusts it. Rejects with the socket's error when there
 * is none or the time is over.
 */
export async function presentedCertificate(attempt: HandshakeOptions): Promise<X509Certificate> {
  const { path, servername, clock, timeoutMs, signal } = attempt;
  const late = () => new Error(`no handshake within ${timeoutMs / 1000} s`);
  return withDeadline({ clock, timeoutMs, signal }, late, (ends) =>
    handshake(path, sniFor(servername), ends),
  );
}

function handshake(path: string, servername: string, signal: AbortSignal): Promise<X509Certificate> {
  const { promise, resolve, reject } = Promise.withResolvers<X509Certificate>();
  const socket = connect({ path, servername, rejectUnauthorized: false });
  socket.on('secureConnect', () => {
    const certificate = socket.getPeerX509Certificate();
    if (certificate) resolve(certificate);
    else reject(new Error('no certificate was presented'));
    // Its last words are sent first: without them the handshake has failed to the other side.
    socket.destroySoon();
  });
  socket.on('error', reject);
  socket.on('close', () => reject(new Error('the connection was closed')));
  try {
    return await untilAborted(promise, signal);
  } catch (thrown) {
    socket.destroy();
    throw thrown;
  }
}

/** The name itself; of a wildcard some name below it. Pure. */
export function sniFor(servername: string): string {
  return servername.replace(/^\*\./, 'ingress-handshake.');
}

function normalize(fingerprint256: string): string {
  return fingerprint256.replaceAll(':', '').toLowerCase();
}
