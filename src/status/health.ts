import { type CertificateFacts, whyUnusable } from '../certificates/certificate.ts';
import { messageOf } from '../errors.ts';

/** The judgement of a health check, in one sentence that starts with `healthy:` or `unhealthy:`. */
export interface Health {
  readonly healthy: boolean;
  readonly sentence: string;
}

/**
 * Judges the certificate that HAProxy has shown: it is for the name and has not expired. Who issued it is not its
 * business: a private or a test CA is as healthy. Pure.
 */
export function judgeCertificate(facts: CertificateFacts, domain: string, now: Date): Health {
  const why = whyUnusable(facts, { domain, noStaging: false }, now);
  if (why !== undefined) return unhealthy(why.replace(/^it\b/, 'the certificate'));
  return { healthy: true, sentence: `healthy: serving ${domain} until ${facts.notAfter.toISOString()}` };
}

/** Judges a handshake that showed no certificate by what it failed with. Pure. */
export function judgeFailure(thrown: unknown, port: number): Health {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  if (code === 'ECONNREFUSED' || code === 'ENOENT') return unhealthy(`nothing answers on port ${port}`);
  // HAProxy refuses names that it has no certificate for (RFC 6066 §3), and at first it has none at all.
  if (/UNRECOGNIZED_NAME$/.test(String(code))) return unhealthy('no certificate yet');
  // OpenSSL's messages end in a line break.
  return unhealthy(`port ${port}: ${messageOf(thrown).trim().replaceAll('\n', ' ')}`);
}

export function unhealthy(why: string): Health {
  return { healthy: false, sentence: `unhealthy: ${why}` };
}
