import type { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { ECDSA, keyPemOf, type MadeCertificate, makeKeys, subjectNames } from './certificates.ts';

const DAY_MS = 24 * 3_600_000;

export interface Validity {
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

/** A root CA or an intermediate CA. */
export interface TreeCa {
  readonly name: string;
  readonly pem: string;
  /** Creates an intermediate CA below this one. */
  below(name: string, validity?: Validity): Promise<TreeCa>;
  /** Cross-signs another CA: a certificate by this CA for the other's name and key. */
  crossSign(other: TreeCa, validity?: Validity): Promise<string>;
  /** Issues a certificate for names, without its chain. Default subject: the first name. */
  issue(
    names: readonly string[],
    options?: Validity & { readonly subject?: string },
  ): Promise<MadeCertificate>;
  readonly keys: webcrypto.CryptoKeyPair;
}

/** Creates a root CA. */
export async function makeRoot(name: string, validity?: Validity): Promise<TreeCa> {
  const keys = await makeKeys();
  return treeCa(name, keys, await signCa(name, keys, { name, keys }, validity));
}

function treeCa(name: string, keys: webcrypto.CryptoKeyPair, pem: string): TreeCa {
  const signer = { name, keys };
  return {
    ...{ name, pem, keys },
    async below(other, validity) {
      const newKeys = await makeKeys();
      return treeCa(other, newKeys, await signCa(other, newKeys, signer, validity));
    },
    crossSign: (other, validity) => signCa(other.name, other.keys, signer, validity),
    async issue(names, { subject = `CN=${names[0]}`, ...validity } = {}) {
      const newKeys = await makeKeys();
      const certificate = await x509.X509CertificateGenerator.create({
        ...common(subject, newKeys, signer, validity),
        extensions: [new x509.BasicConstraintsExtension(false, undefined, true), subjectNames(names)],
      });
      return { chainPem: `${certificate.toString('pem')}\n`, keyPem: await keyPemOf(newKeys) };
    },
  };
}

interface Signer {
  readonly name: string;
  readonly keys: webcrypto.CryptoKeyPair;
}

async function signCa(
  name: string,
  keys: webcrypto.CryptoKeyPair,
  signer: Signer,
  validity?: Validity,
): Promise<string> {
  const certificate = await x509.X509CertificateGenerator.create({
    ...common(`CN=${name}`, keys, signer, validity),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

function common(
  subject: string,
  { publicKey }: webcrypto.CryptoKeyPair,
  { name, keys }: Signer,
  validity: Validity = {},
) {
  const notBefore = validity.notBefore ?? new Date(Date.now() - DAY_MS);
  const notAfter = validity.notAfter ?? new Date(notBefore.getTime() + 90 * DAY_MS);
  return {
    ...{ subject, issuer: `CN=${name}`, publicKey, signingKey: keys.privateKey },
    ...{ signingAlgorithm: ECDSA, notBefore, notAfter },
  };
}
