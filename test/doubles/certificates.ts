import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

export interface MadeCertificate {
  readonly chainPem: string;
  readonly keyPem: string;
}

export interface CertificateWish {
  readonly names: readonly string[];
  /** Defaults: from an hour ago, for 90 days. */
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

const HOUR_MS = 3_600_000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

x509.cryptoProvider.set(webcrypto as Crypto); // Node's own; its types and the library's differ in name only.

/** A self-signed ECDSA P-256 certificate. */
export async function makeCertificate({ names, ...wish }: CertificateWish): Promise<MadeCertificate> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const notBefore = wish.notBefore ?? new Date(Date.now() - HOUR_MS);
  const notAfter = wish.notAfter ?? new Date(notBefore.getTime() + 90 * 24 * HOUR_MS);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=test',
    notBefore,
    notAfter,
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value })))],
  });
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { chainPem: certificate.toString('pem'), keyPem: x509.PemConverter.encode(key, 'PRIVATE KEY') };
}
