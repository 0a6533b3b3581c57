import { X509Certificate } from 'node:crypto';
import { execa } from 'execa';
import { Secret } from '../config/secret.ts';
import type { CertificateBundle } from './proxy.ts';

export interface TestCertificate extends CertificateBundle {
  readonly serialNumber: string;
}

/** Only for tests: a self-signed certificate for a name, `*.` included. Each call gives another one. */
export async function testCertificate(
  name: string,
  key: 'ecdsa' | 'rsa' = 'ecdsa',
): Promise<TestCertificate> {
  const newKey = {
    ecdsa: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
    rsa: ['-newkey', 'rsa:2048'],
  }[key];
  const subject = ['-subj', '/CN=test', '-addext', `subjectAltName=DNS:${name}`, '-days', '30'];
  const out = ['-nodes', '-keyout', '-'];
  const { stdout } = await execa('openssl', ['req', '-x509', ...newKey, ...subject, ...out]);
  const chainPem = pemBlock(stdout, 'CERTIFICATE');
  const { fingerprint256, serialNumber } = new X509Certificate(chainPem);
  const keyPem = new Secret(pemBlock(stdout, 'PRIVATE KEY'));
  return { name, servername: name, chainPem, keyPem, fingerprint256, serialNumber };
}

function pemBlock(text: string, label: string): string {
  const block = new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----`).exec(text)?.[0];
  if (block === undefined) throw new Error(`openssl printed no ${label}`);
  return `${block}\n`;
}
