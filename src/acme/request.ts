import { generateKeyPairSync } from 'node:crypto';
import { Secret } from '../config/secret.ts';

/** A certificate signing request (RFC 2986) and the new key that signed it. */
export interface SigningRequest {
  /** PEM. */
  readonly csr: string;
  /** ECDSA P-256, PKCS #8, PEM. */
  readonly keyPem: Secret;
}

/** Makes a key and a request whose names stand in the subject alternative name only; the common name is empty. */
export async function createRequest(names: readonly string[]): Promise<SigningRequest> {
  const { default: acme } = await import('acme-client');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keyPem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const [, csr] = await acme.crypto.createCsr({ altNames: [...names] }, keyPem);
  return { csr: csr.toString(), keyPem: new Secret(keyPem) };
}
