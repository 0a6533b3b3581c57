import { connect } from 'node:tls';
import { type Clock, until } from '../clock.ts';
import { IngressError, messageOf } from '../errors.ts';
import { withDeadline } from './deadline.ts';

export interface Expectation {
  /** Our own port, on 127.0.0.1. */
  readonly port: number;
  /** The name to ask for; of a wildcard (`*.x`) some name below it is asked for. */
  readonly servername: string;
  /** SHA-256 of the certificate in hexadecimal, with or without colons. */
  readonly fingerprint256: string;
  readonly clock: Clock;
  /** Milliseconds to go on trying, 5,000 by default. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

const ATTEMPT_TIMEOUT_MS = 2_000;

/**
 * Proves from outside that our port presents a certificate, by TLS handshakes until one shows it. Whether anybody
 * trusts it is not asked. Throws HANDSHAKE_FAILED with what was seen last.
 */
export async function proveServed(expected: Expectation): Promise<void> {
  const { port, clock, signal, timeoutMs = 5_000 } = expected;
  const servername = expected.servername.replace(/^\*\./, 'ingress-handshake.');
  const wanted = canonical(expected.fingerprint256);
  let seen = 'nothing';
  const proven = await until(
    async () => {
      seen = await presented(port, servername, clock, signal);
      return seen === wanted ? true : undefined;
    },
    { clock, timeoutMs, everyMs: 100, ...(signal ? { signal } : {}) },
  );
  if (proven) return;
  throw new IngressError(
    'HANDSHAKE_FAILED',
    `A handshake with our own port ${port} for ${servername} did not show the certificate: ${seen}.`,
    { details: { port, servername, expected: wanted, seen } },
  );
}

/** The fingerprint of the certificate that is presented, or why there is none. */
async function presented(
  port: number,
  servername: string,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<string> {
  const late = () => new Error('the handshake took too long');
  try {
    return await withDeadline({ clock, timeoutMs: ATTEMPT_TIMEOUT_MS, signal }, late, (ends) =>
      fingerprint(port, servername, ends),
    );
  } catch (thrown) {
    signal?.throwIfAborted();
    return messageOf(thrown);
  }
}

function fingerprint(port: number, servername: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false });
    const abort = () => {
      reject(signal.reason);
      socket.destroy();
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.on('secureConnect', () => {
      const certificate = socket.getPeerX509Certificate();
      if (certificate) resolve(canonical(certificate.fingerprint256));
      else reject(new Error('no certificate was presented'));
      socket.end();
    });
    socket.on('error', reject);
    socket.on('close', () => {
      signal.removeEventListener('abort', abort);
      reject(new Error('the connection was closed'));
    });
  });
}

function canonical(fingerprint256: string): string {
  return fingerprint256.replaceAll(':', '').toLowerCase();
}
