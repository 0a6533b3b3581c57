import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

export interface MadeCertificate {
  readonly chainPem: string;
  readonly keyPem: string;
}

export interface CertificateParams {
  readonly names: readonly string[];
  /** Defaults: from an hour ago, for 90 days. */
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Issuer and subject. Default: `CN=test`. */
  readonly distinguishedName?: string;
  /** Default: ecdsa, P-256. */
  readonly key?: KeyKind;
}

const HOUR_MS = 3_600_000;
const HASH = 'SHA-256';
const ALGORITHMS = {
  ecdsa: { name: 'ECDSA', namedCurve: 'P-256', hash: HASH },
  rsa: {
    name: 'RSASSA-PKCS1-v1_5',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: HASH,
  },
} as const;

export type KeyKind = keyof typeof ALGORITHMS;

x509.cryptoProvider.set(webcrypto as Crypto); // The same type as Node's own, under another name.

/** The key and signature algorithm of the certificates, unless they are asked for with another. */
export const ECDSA = ALGORITHMS.ecdsa;

/** Creates a key pair whose private key can be exported. */
export async function makeKeys(kind: KeyKind = 'ecdsa'): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHMS[kind], true, ['sign', 'verify']);
}

/** The private key in PEM (PKCS #8). */
export async function keyPemOf({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', privateKey), 'PRIVATE KEY');
}

/** The extension that names what a certificate is for. */
export function subjectNames(names: readonly string[]): x509.Extension {
  return new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value })));
}

/** A self-signed certificate. */
export async function makeCertificate({
  names,
  key = 'ecdsa',
  ...params
}: CertificateParams): Promise<MadeCertificate> {
  const keys = await makeKeys(key);
  const notBefore = params.notBefore ?? new Date(Date.now() - HOUR_MS);
  const notAfter = params.notAfter ?? new Date(notBefore.getTime() + 90 * 24 * HOUR_MS);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: params.distinguishedName ?? 'CN=test',
    notBefore,
    notAfter,
    keys,
    signingAlgorithm: ALGORITHMS[key],
    extensions: [subjectNames(names)],
  });
  return { chainPem: certificate.toString('pem'), keyPem: await keyPemOf(keys) };
}
