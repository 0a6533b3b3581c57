import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Scene } from './survive.ts';

/**
 * Waits for the first certificate and the end of its run, and makes the CA advise its renewal. Set
 * up faults of the renewal after that, and then advance the clocks: no order is made while
 * resolvers may cache the last challenge.
 */
export async function adviseRenewal(scene: Scene): Promise<void> {
  const { world, environment, ingress } = scene;
  await ingress.seen('pass-finished');
  const { LETSENCRYPT_DIR = '', DOMAIN = '' } = environment;
  const pem = readFileSync(join(LETSENCRYPT_DIR, 'live', DOMAIN, 'cert.pem'), 'utf8');
  await world.pebble.setRenewalWindow(pem, new Date(1), new Date(2));
}
