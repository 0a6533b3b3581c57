import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Scene } from './survive.ts';

/**
 * Waits for the first certificate and the end of its round, and has the CA ask for its renewal. Whoever wants to meet the renewal sets
 * that up after it, and lets minutes pass then: as long as resolvers remember a challenge there is no other one.
 */
export async function askForRenewal(scene: Scene): Promise<void> {
  const { world, environment, ingress } = scene;
  await ingress.seen('pass-finished');
  const { LETSENCRYPT_DIR = '', DOMAIN = '' } = environment;
  const pem = readFileSync(join(LETSENCRYPT_DIR, 'live', DOMAIN, 'cert.pem'), 'utf8');
  await world.pebble.setRenewalWindow(pem, new Date(1), new Date(2));
}
