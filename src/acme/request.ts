import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { Secret } from '../config/secret.ts';

/** What a certificate's key is: ECDSA P-256, or RSA of 2048 bits for clients that know no other. */
export type KeyType = 'ecdsa' | 'rsa';

/** A request in PEM whose names stand in the subject alternative name only; the common name is empty. */
export async function createCsr(names: readonly string[], keyPem: Secret): Promise<string> {
  const { default: acme } = await import('acme-client');
  const [, csr] = await acme.crypto.createCsr({ altNames: [...names] }, keyPem.reveal());
  return csr.toString();
}

const generate = promisify(generateKeyPair);

/** A new key. An RSA key takes a while, so it is not made on the thread that everything else runs on. */
export async function createKey(keyType: KeyType): Promise<Secret> {
  const { privateKey } =
    keyType === 'rsa'
      ? await generate('rsa', { modulusLength: 2048 })
      : await generate('ec', { namedCurve: 'P-256' });
  return new Secret(String(privateKey.export({ type: 'pkcs8', format: 'pem' })));
}
