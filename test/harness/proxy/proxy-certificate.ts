import { X509Certificate } from 'node:crypto';
import { Secret } from '../../../src/config/secret.ts';
import type { ProxyCertificate } from '../../../src/proxy/proxy.ts';
import { type KeyKind, makeCertificate } from '../ca/certificates.ts';

export interface TestCertificate extends ProxyCertificate {
  readonly serialNumber: string;
}

/** A self-signed certificate for a name, which may begin with `*.`. Each call returns a new one. */
export async function testCertificate(
  name: string,
  key: KeyKind = 'ecdsa',
  further: readonly string[] = [],
): Promise<TestCertificate> {
  const { chainPem, keyPem } = await makeCertificate({ names: [name, ...further], key });
  const { fingerprint256, serialNumber } = new X509Certificate(chainPem);
  return { name, servername: name, chainPem, keyPem: new Secret(keyPem), fingerprint256, serialNumber };
}
