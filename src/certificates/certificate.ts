import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Secret } from '../config/secret.ts';
import { isWildcard } from '../dns/names.ts';
import { IngressError } from '../errors.ts';

/** A certificate chain with its private key. */
export interface CertificateBundle {
  /** Leaf first, then its issuers, in PEM. */
  readonly chainPem: string;
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

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates of a PEM text, each in PEM with a line break at its end. */
export function splitChain(pem: string): string[] {
  return [...pem.matchAll(PEM_CERTIFICATE)].map(([block]) => `${block.trim()}\n`);
}

/**
 * Reads a chain and its key and checks that they fit: everything parses, each certificate is issued by the next, the
 * key is the leaf's. Throws CERTIFICATE_UNUSABLE.
 */
export function readBundle(chainPem: string, keyPem: Secret): CertificateBundle {
  const blocks = splitChain(chainPem);
  try {
    const chain = blocks.map((block) => new X509Certificate(block));
    const [leaf] = chain;
    if (!leaf) throw unusable('the chain holds no certificate');
    const broken = chain.findIndex((certificate, index) => {
      const issuer = chain[index + 1];
      return (
        issuer !== undefined && !(certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey))
      );
    });
    if (broken >= 0)
      throw unusable(`certificate ${broken + 1} of the chain is not issued by the one behind it`);
    if (!leaf.checkPrivateKey(createPrivateKey(keyPem.reveal())))
      throw unusable('the private key is not the one of the certificate');
    return { chainPem: blocks.join(''), keyPem, facts: factsOf(leaf) };
  } catch (thrown) {
    if (thrown instanceof IngressError) throw thrown;
    throw unusable('the chain or the private key cannot be parsed', thrown);
  }
}

/** What is to be known of a certificate. */
export function factsOf(leaf: X509Certificate): CertificateFacts {
  return {
    names: (leaf.subjectAltName ?? '')
      .split(', ')
      .flatMap((entry) => (entry.startsWith('DNS:') ? [entry.slice(4).toLowerCase()] : [])),
    serial: leaf.serialNumber,
    fingerprint256: leaf.fingerprint256,
    issuer: leaf.issuer,
    notBefore: leaf.validFromDate,
    notAfter: leaf.validToDate,
  };
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
