import { X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { Secret } from '../../../src/config/secret.ts';
import type { TestCertificate } from '../proxy/proxy-certificate.ts';
import { ECDSA, keyPemOf, makeKeys, subjectNames } from './certificates.ts';

const DAY_MS = 24 * 3_600_000;

/**
 * A certificate for a name with the extensions of a public CA's certificate, and the CA certificate
 * to trust.
 */
export async function certificateOfTestCa(name: string): Promise<{ leaf: TestCertificate; caPem: string }> {
  const [caKeys, keys] = [await makeKeys(), await makeKeys()];
  const validity = { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + 80 * DAY_MS) };
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...{ name: 'CN=Test CA, O=Test', keys: caKeys, signingAlgorithm: ECDSA, ...validity },
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
    ...{ signingAlgorithm: ECDSA, ...validity },
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      subjectNames([name]),
      await x509.AuthorityKeyIdentifierExtension.create(ca),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const keyPem = new Secret(await keyPemOf(keys));
  const [chainPem, caPem] = [leaf.toString('pem'), ca.toString('pem')];
  const { fingerprint256, serialNumber } = new X509Certificate(chainPem);
  return { leaf: { name, servername: name, chainPem, keyPem, fingerprint256, serialNumber }, caPem };
}
