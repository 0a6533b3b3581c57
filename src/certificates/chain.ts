import { type KeyObject, X509Certificate } from 'node:crypto';

/** The certificates of a PEM text that form a chain, and the others. */
export interface CleanChain {
  /** The certificate of the key, then its issuers as far as the text has them. */
  readonly path: readonly [X509Certificate, ...X509Certificate[]];
  /** The other certificates, with the reason for leaving them out. */
  readonly dropped: readonly DroppedCertificate[];
}

/** A certificate of the text that is not in the path. */
export interface DroppedCertificate {
  readonly reason: 'duplicate' | 'expired' | 'unrelated' | 'unparsable';
  /** For the user: `CN=Root (it expired at …)`. */
  readonly words: string;
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Splits a PEM text into its certificates, each ending with a line break. */
export function splitChain(pem: string): string[] {
  return [...pem.matchAll(PEM_CERTIFICATE)].map(([block]) => `${block.trim()}\n`);
}

/**
 * Finds the path from the certificate of the key through its issuers, in whatever order the text
 * has them. Drops unrelated certificates, and an expired issuer with those behind it, because no
 * client can use them. Undefined if no certificate has the key.
 */
export function cleanChain(pem: string, key: KeyObject, now: Date): CleanChain | undefined {
  const blocks = splitChain(pem).map(parse);
  const certificates = blocks.filter((block) => block !== undefined);
  const own = certificates.filter((certificate) => certificate.checkPrivateKey(key));
  const leaf = own.find(({ validToDate }) => validToDate > now) ?? own[0];
  if (leaf === undefined) return undefined;
  const path: [X509Certificate, ...X509Certificate[]] = [leaf];
  for (let next = issuerOf(leaf, certificates, path, now); next !== undefined; ) {
    path.push(next);
    next = issuerOf(next, certificates, path, now);
  }
  const left = certificates.filter((certificate) => !path.includes(certificate));
  const damaged = blocks.length - certificates.length;
  return {
    path,
    dropped: [
      ...left.map((certificate) => describeDropped(certificate, path, now)),
      ...(damaged > 0
        ? [
            {
              reason: 'unparsable' as const,
              words: `${damaged} unparsable ${damaged === 1 ? 'entry' : 'entries'}`,
            },
          ]
        : []),
    ],
  };
}

function parse(block: string): X509Certificate | undefined {
  try {
    return new X509Certificate(block);
  } catch {
    return undefined;
  }
}

/** The first candidate that has issued the certificate and is still valid. */
function issuerOf(
  certificate: X509Certificate,
  candidates: readonly X509Certificate[],
  path: readonly X509Certificate[],
  now: Date,
): X509Certificate | undefined {
  return candidates.find(
    (candidate) =>
      candidate.validToDate > now &&
      !path.some((one) => isSame(one, candidate)) &&
      certificate.checkIssued(candidate) &&
      certificate.verify(candidate.publicKey),
  );
}

function describeDropped(
  certificate: X509Certificate,
  path: readonly X509Certificate[],
  now: Date,
): DroppedCertificate {
  const name = nameOf(certificate);
  if (path.some((one) => isSame(one, certificate)))
    return { reason: 'duplicate', words: `${name} (duplicate)` };
  const end = certificate.validToDate;
  return end > now
    ? { reason: 'unrelated', words: `${name} (it issued none of the others)` }
    : { reason: 'expired', words: `${name} (it expired at ${end.toISOString()})` };
}

function isSame(one: X509Certificate, other: X509Certificate): boolean {
  return one.fingerprint256 === other.fingerprint256;
}

/**
 * Node.js returns undefined for an empty subject, although its types do not say so. Certificates of
 * profiles without a common name have an empty subject.
 */
function nameOf({ subject }: { readonly subject: string | undefined }): string {
  return subject?.replaceAll('\n', ', ') || 'an unnamed certificate';
}
