import type { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { untilAborted, withDeadline } from '../../async.ts';
import { type Clock, until } from '../../clock.ts';
import { IngressError, messageOf } from '../../errors.ts';

export interface HandshakeOptions {
  /** HAProxy's Unix socket for handshakes. Unlike PORT, no other process can take it over. */
  readonly path: string;
  /** The served name. For a wildcard (`*.x`) the SNI is a name below it, see sniFor. */
  readonly servername: string;
  readonly clock: Clock;
  /** Milliseconds for the handshake. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** The certificate that a handshake must present. */
export interface ExpectedCertificate extends Omit<HandshakeOptions, 'timeoutMs'> {
  /** SHA-256 of the certificate in hexadecimal, with or without colons. */
  readonly fingerprint256: string;
  /** Milliseconds to keep trying, 5,000 by default. */
  readonly timeoutMs?: number;
}

const ATTEMPT_TIMEOUT_MS = 2_000;

/**
 * Repeats TLS handshakes with HAProxy until one presents the expected certificate. Does not check
 * whether the certificate is trusted. Throws HANDSHAKE_FAILED with the result of the last
 * handshake.
 */
export async function verifyServed(expected: ExpectedCertificate): Promise<void> {
  const { path, servername, clock, signal, timeoutMs = 5_000 } = expected;
  const wanted = normalize(expected.fingerprint256);
  const attempt = { path, servername, clock, signal, timeoutMs: ATTEMPT_TIMEOUT_MS };
  let seen = 'nothing';
  const served = await until(
    async () => {
      seen = await fingerprintOrFailure(attempt);
      return seen === wanted ? true : undefined;
    },
    { clock, timeoutMs, everyMs: 100, ...(signal ? { signal } : {}) },
  );
  if (served) return;
  const sni = sniFor(servername);
  throw new IngressError(
    'HANDSHAKE_FAILED',
    `HAProxy did not present the installed certificate in a handshake for ${sni}: ${seen}.`,
    { details: { path, servername: sni, expected: wanted, seen } },
  );
}

/** The fingerprint of the presented certificate, or why there is none. */
async function fingerprintOrFailure(options: HandshakeOptions): Promise<string> {
  try {
    return normalize((await presentedCertificate(options)).fingerprint256);
  } catch (thrown) {
    options.signal?.throwIfAborted();
    return messageOf(thrown);
  }
}

/**
 * The certificate that HAProxy presents in one handshake, trusted or not. Rejects with the socket's
 * error if there is none, or with a timeout error if the handshake takes too long.
 */
export async function presentedCertificate(options: HandshakeOptions): Promise<X509Certificate> {
  const { path, servername, clock, timeoutMs, signal } = options;
  const late = () => new Error(`no handshake within ${timeoutMs / 1000} s`);
  return withDeadline({ clock, timeoutMs, signal }, late, (ends) =>
    handshake(path, sniFor(servername), ends),
  );
}

async function handshake(path: string, servername: string, signal: AbortSignal): Promise<X509Certificate> {
  const { promise, resolve, reject } = Promise.withResolvers<X509Certificate>();
  const socket = connect({ path, servername, rejectUnauthorized: false });
  socket.on('secureConnect', () => {
    const certificate = socket.getPeerX509Certificate();
    if (certificate) resolve(certificate);
    else reject(new Error('no certificate was presented'));
    // Flushes queued data first, without which the handshake would fail for HAProxy.
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

/** The SNI to send for a served name: the name itself, or some name below a wildcard. Pure. */
export function sniFor(servername: string): string {
  return servername.replace(/^\*\./, 'ingress-handshake.');
}

function normalize(fingerprint256: string): string {
  return fingerprint256.replaceAll(':', '').toLowerCase();
}
