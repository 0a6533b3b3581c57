import { execa } from 'execa';

/** The paths of a certificate and its private key, in PEM. */
export interface KeyPairFiles {
  readonly certificate: string;
  readonly privateKey: string;
}

/**
 * Writes a self-signed certificate, which is its own trust anchor, for names such as
 * `IP:127.0.0.1,DNS:app.test`.
 */
export async function makeSelfSigned(names: string, files: KeyPairFiles): Promise<void> {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', files.privateKey];
  const subject = ['-subj', '/CN=a test world', '-addext', `subjectAltName=${names}`];
  await execa('openssl', ['req', '-x509', '-days', '7', ...key, ...subject, '-out', files.certificate]);
}
