import { type KeyObject, X509Certificate } from 'node:crypto';

/** The certificates of a PEM text that belong together, and what stood beside them. */
export interface CleanChain {
  /** The certificate of the key, then its issuers as far as they are there. */
  readonly path: readonly [X509Certificate, ...X509Certificate[]];
  /** What was left out, each with the reason, for a person. */
  readonly dropped: readonly string[];
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates of a PEM text, each in PEM with a line break at its end. */
export function splitChain(pem: string): string[] {
  return [...pem.matchAll(PEM_CERTIFICATE)].map(([block]) => `${block.trim()}\n`);
}

/**
 * The path from the certificate of the key through its issuers, whatever their order in the text. What is no part of it is left
 * out, and so is an issuer that has expired, with those behind it: no client can use them. Undefined when the key is the one of
 * no certificate.
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
      ...left.map((certificate) => `${nameOf(certificate)} (${reason(certificate, path, now)})`),
      ...(damaged > 0 ? [`${damaged} that cannot be parsed`] : []),
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

/** The first that has issued a certificate and can still be used for that. */
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

function reason(certificate: X509Certificate, path: readonly X509Certificate[], now: Date): string {
  if (path.some((one) => isSame(one, certificate))) return 'it is there already';
  const end = certificate.validToDate;
  return end > now ? 'it has issued none of the others' : `it expired at ${end.toISOString()}`;
}

function isSame(one: X509Certificate, other: X509Certificate): boolean {
  return one.fingerprint256 === other.fingerprint256;
}

/** Node.js gives no subject where it is empty, whatever its types say: certificates of profiles without a common name have none. */
function nameOf({ subject }: { readonly subject: string | undefined }): string {
  return subject?.replaceAll('\n', ', ') || 'one without a name';
}
