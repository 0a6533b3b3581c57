import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { Secret } from '../config/secret.ts';
import { isWildcard } from '../dns/name.ts';
import { IngressError } from '../errors.ts';
import { cleanChain, type DroppedCertificate, splitChain } from './chain.ts';

export { splitChain } from './chain.ts';

/** A certificate chain with its private key. */
export interface CertificateBundle {
  /** Leaf first, then its issuers, in PEM; nothing else. */
  readonly chainPem: string;
  /** The certificates of the source that do not belong to the chain. */
  readonly dropped: readonly DroppedCertificate[];
  /** PKCS #8 or SEC 1, in PEM. */
  readonly keyPem: Secret;
  readonly facts: CertificateFacts;
}

/** The facts about a certificate on which decisions depend. */
export interface CertificateFacts {
  /** dNSName entries of the subject alternative name. */
  readonly names: readonly string[];
  /** Hexadecimal, as OpenSSL prints it. */
  readonly serial: string;
  /** SHA-256 over the leaf, hexadecimal with colons. */
  readonly fingerprint256: string;
  readonly issuer: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/**
 * Reads a chain and its key. Keeps the path from the key's certificate through its issuers, because
 * CAs and operators add certificates that do not belong there, and clients differ in what they
 * tolerate. Throws CERTIFICATE_UNUSABLE if no certificate has the key.
 */
export function readBundle(chainPem: string, keyPem: Secret, now: Date): CertificateBundle {
  if (splitChain(chainPem).length === 0) throw unusable('the chain contains no certificate');
  const chain = cleanChain(chainPem, keyOf(keyPem), now);
  if (chain === undefined) throw unusable('the private key matches no certificate in the chain');
  const { path, dropped } = chain;
  return { chainPem: path.map(String).join(''), keyPem, dropped, facts: factsOf(path[0]) };
}

function keyOf(keyPem: Secret): KeyObject {
  try {
    return createPrivateKey(keyPem.reveal());
  } catch (thrown) {
    throw unusable('the private key cannot be parsed', thrown);
  }
}

/**
 * Whether a private key belongs to a certificate. Throws CERTIFICATE_UNUSABLE if the key cannot be
 * parsed.
 */
export function isKeyOf(keyPem: Secret, { chainPem }: Pick<CertificateBundle, 'chainPem'>): boolean {
  return new X509Certificate(chainPem).checkPrivateKey(keyOf(keyPem));
}

/** Extracts the facts about a certificate. */
export function factsOf(leaf: X509Certificate): CertificateFacts {
  return {
    names: (leaf.subjectAltName ?? '')
      .split(', ')
      .flatMap((entry) => (entry.startsWith('DNS:') ? [entry.slice(4).toLowerCase()] : [])),
    serial: leaf.serialNumber,
    fingerprint256: leaf.fingerprint256,
    issuer: issuerOf(leaf),
    notBefore: leaf.validFromDate,
    notAfter: leaf.validToDate,
  };
}

/** Node.js returns undefined for an empty issuer, although its types do not say so. */
function issuerOf({ issuer }: { readonly issuer: string | undefined }): string {
  return issuer ?? '';
}

/** The lifetime in milliseconds. */
export function lifetimeMs({ notBefore, notAfter }: CertificateFacts): number {
  return notAfter.getTime() - notBefore.getTime();
}

/** The names of one certificate. The first identifies it. */
export type CertificateNames = readonly [string, ...string[]];

/** What a certificate has to satisfy to be served. */
export interface Requirement {
  /** The names that it has to cover; a wildcard counts as a name. */
  readonly names: CertificateNames;
  /** Certificates of Let's Encrypt's staging environment, which no client trusts, do not count. */
  readonly noStaging: boolean;
}

/** Why a certificate cannot be served. */
export interface Unusable {
  readonly reason: 'names' | 'expired' | 'staging';
  /** The reason as a sentence about "it". */
  readonly words: string;
}

/**
 * Why a certificate cannot be served now; undefined if it can. A certificate that is not valid yet
 * is served: clients have their own clocks, and a slow clock here is no reason to order another.
 * Pure.
 */
export function whyUnusable(
  facts: CertificateFacts,
  { names, noStaging }: Requirement,
  now: Date,
): Unusable | undefined {
  const missing = names.filter((name) => !covers(facts.names, name));
  if (missing.length > 0) {
    const words = `it is for ${facts.names.join(', ')}, not for ${missing.join(', ')}`;
    return { reason: 'names', words };
  }
  if (now >= facts.notAfter)
    return { reason: 'expired', words: `it expired at ${facts.notAfter.toISOString()}` };
  if (noStaging && facts.issuer.includes('(STAGING)'))
    return { reason: 'staging', words: 'it is from the staging environment' };
  return undefined;
}

/** Whether these names cover a domain. An asterisk matches exactly one label (RFC 6125 §6.4.3). */
export function covers(names: readonly string[], domain: string): boolean {
  return names.includes(domain) || (!isWildcard(domain) && names.includes(domain.replace(/^[^.]+/, '*')));
}

function unusable(sentence: string, cause?: unknown): IngressError {
  return new IngressError('CERTIFICATE_UNUSABLE', sentence, cause === undefined ? {} : { cause });
}
