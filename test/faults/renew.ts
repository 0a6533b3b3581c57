import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { passMinutes } from './later.ts';
import type { Scene } from './survive.ts';

/** Waits for the first certificate and the end of its round, and has the CA ask for its renewal at the next one. */
export async function askForRenewal(scene: Scene): Promise<void> {
  const { world, environment, ingress } = scene;
  await ingress.seen('pass-finished');
  const { LETSENCRYPT_DIR = '', DOMAIN = '' } = environment;
  const pem = readFileSync(join(LETSENCRYPT_DIR, 'live', DOMAIN, 'cert.pem'), 'utf8');
  await world.pebble.setRenewalWindow(pem, new Date(1), new Date(2));
  // As long as resolvers remember a challenge there is no other one.
  passMinutes(scene);
}
