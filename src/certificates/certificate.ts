import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { Secret } from '../config/secret.ts';
import { isWildcard } from '../dns/name.ts';
import { IngressError } from '../errors.ts';
import { cleanChain, splitChain } from './chain.ts';

export { splitChain } from './chain.ts';

/** A certificate chain with its private key. */
export interface CertificateBundle {
  /** Leaf first, then its issuers, in PEM; nothing else. */
  readonly chainPem: string;
  /** What stood beside them where they were read, each with the reason why it was left out, for a person. */
  readonly dropped: readonly string[];
  /** PKCS #8 or SEC 1, in PEM. */
  readonly keyPem: Secret;
  readonly facts: CertificateFacts;
}

/** What decisions need to know of a certificate. */
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
 * Reads a chain and its key. Of the chain the path from the key's certificate through its issuers is kept, because CAs and people add what
 * does not belong there, and clients differ in what they forgive. Throws CERTIFICATE_UNUSABLE when there is no certificate of the key.
 */
export function readBundle(chainPem: string, keyPem: Secret, now: Date): CertificateBundle {
  if (splitChain(chainPem).length === 0) throw unusable('the chain holds no certificate');
  const chain = cleanChain(chainPem, keyOf(keyPem), now);
  if (chain === undefined) throw unusable('the private key is not that of a certificate in the chain');
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

/** Whether a private key is that of a certificate. Throws CERTIFICATE_UNUSABLE when the key cannot be parsed. */
export function isKeyOf(keyPem: Secret, { chainPem }: Pick<CertificateBundle, 'chainPem'>): boolean {
  return new X509Certificate(chainPem).checkPrivateKey(keyOf(keyPem));
}

/** What is to be known of a certificate. */
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

/** Node.js gives none where it is empty, whatever its types say. */
function issuerOf({ issuer }: { readonly issuer: string | undefined }): string {
  return issuer ?? '';
}

/** How long it is valid, in milliseconds. */
export function lifetimeMs({ notBefore, notAfter }: CertificateFacts): number {
  return notAfter.getTime() - notBefore.getTime();
}

/** The names of one certificate, the one that it is called by first. */
export type Names = readonly [string, ...string[]];

/** What a certificate must be to be served. */
export interface Requirement {
  /** Every name that it has to be for; `*.` and a name is one too. */
  readonly names: Names;
  /** Certificates of Let's Encrypt's staging environment, which no client trusts, do not count. */
  readonly noStaging: boolean;
}

/**
 * Why a certificate cannot be served now, in words; undefined when it can. One that is not valid yet is served: clients
 * have clocks of their own, and ours being late is no reason to order another. Pure.
 */
export function whyUnusable(
  facts: CertificateFacts,
  { names, noStaging }: Requirement,
  now: Date,
): string | undefined {
  const missing = names.filter((name) => !covers(facts.names, name));
  if (missing.length > 0) return `it is for ${facts.names.join(', ')}, not for ${missing.join(', ')}`;
  if (now >= facts.notAfter) return `it expired at ${facts.notAfter.toISOString()}`;
  if (noStaging && facts.issuer.includes('(STAGING)')) return 'it is from the staging environment';
  return undefined;
}

/** Whether a certificate with these names is for a domain; an asterisk stands for exactly one label (RFC 6125 §6.4.3). */
export function covers(names: readonly string[], domain: string): boolean {
  return names.includes(domain) || (!isWildcard(domain) && names.includes(domain.replace(/^[^.]+/, '*')));
}

function unusable(sentence: string, cause?: unknown): IngressError {
  return new IngressError('CERTIFICATE_UNUSABLE', sentence, cause === undefined ? {} : { cause });
}
