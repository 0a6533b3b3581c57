import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { Secret } from '../config/secret.ts';

/** What a certificate's key is: ECDSA P-256, or RSA of 2048 bits for clients that know no other. */
export type KeyType = 'ecdsa' | 'rsa';

/** A certificate signing request (RFC 2986) and the new key that signed it. */
export interface SigningRequest {
  /** PEM. */
  readonly csr: string;
  /** PKCS #8, PEM. */
  readonly keyPem: Secret;
}

/** Makes a key and a request whose names stand in the subject alternative name only; the common name is empty. */
export async function createRequest(names: readonly string[], keyType: KeyType): Promise<SigningRequest> {
  const { default: acme } = await import('acme-client');
  const keyPem = await createKey(keyType);
  const [, csr] = await acme.crypto.createCsr({ altNames: [...names] }, keyPem);
  return { csr: csr.toString(), keyPem: new Secret(keyPem) };
}

const generate = promisify(generateKeyPair);

// An RSA key takes a while, so it is not made on the thread that everything else runs on.
async function createKey(keyType: KeyType): Promise<string> {
  const { privateKey } =
    keyType === 'rsa'
      ? await generate('rsa', { modulusLength: 2048 })
      : await generate('ec', { namedCurve: 'P-256' });
  return String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
}
