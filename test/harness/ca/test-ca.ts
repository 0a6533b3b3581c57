import 'reflect-metadata';
import { webcrypto, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { Secret } from '../../../src/config/secret.ts';
import type { TestCertificate } from '../proxy/proxy-certificate.ts';

x509.cryptoProvider.set(webcrypto as Crypto); // The same type as Node's own, under another name.

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 24 * 3_600_000;

/**
 * A certificate for a name with the extensions of a public CA's certificate, and the CA certificate
 * to trust.
 */
export async function certificateOfTestCa(name: string): Promise<{ leaf: TestCertificate; caPem: string }> {
  const [caKeys, keys] = [await makeKeys(), await makeKeys()];
  const validity = { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + 80 * DAY_MS) };
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...{ name: 'CN=Test CA, O=Test', keys: caKeys, signingAlgorithm: ALGORITHM, ...validity },
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  const leaf = await x509.X509CertificateGenerator.create({
    ...{
      subject: `CN=${name}`,
      issuer: ca.subject,
      publicKey: keys.publicKey,
      signingKey: caKeys.privateKey,
    },
    ...{ signingAlgorithm: ALGORITHM, ...validity },
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }]),
      await x509.AuthorityKeyIdentifierExtension.create(ca),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  const keyPem = new Secret(x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'));
  const [chainPem, caPem] = [leaf.toString('pem'), ca.toString('pem')];
  const { fingerprint256, serialNumber } = new X509Certificate(chainPem);
  return { leaf: { name, servername: name, chainPem, keyPem, fingerprint256, serialNumber }, caPem };
}

function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}
