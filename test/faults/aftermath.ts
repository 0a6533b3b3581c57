import { X509Certificate } from 'node:crypto';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { txtValues } from '../e2e/support.ts';
import type { Environment } from '../world/ingress.ts';
import type { World } from '../world/world.ts';

/**
 * What is not as it has to be when a fault is over and the ingress has finished a round; empty when all is well: a valid certificate on
 * the volume and in the handshakes of users, no challenge value and no open order left, one account, and no more than `orders` orders.
 */
export async function aftermath(world: World, environment: Environment, orders = 1): Promise<string[]> {
  const name = environment['DOMAIN'] ?? '';
  const volume = environment['LETSENCRYPT_DIR'] ?? '';
  const [values, made] = [txtValues(world, `_acme-challenge.${name}`), ordersFor(world, name)];
  const accounts = filesIn(volume, 'accounts/**/private_key.json').length;
  const open = filesIn(volume, 'dstack-ingress/orders/**/*.json');
  const answer = await world.request(name, '/').catch((thrown: unknown) => thrown);
  return [
    ...certificateFaults(volume, name),
    ...(Object(answer).status === 200 ? [] : [`users get ${answer}`]),
    ...values.map((value) => `the challenge value ${value} is left`),
    ...journalled(volume, name).map((entry) => `the journal of challenges remembers ${entry}`),
    ...open.map((path) => `the order ${path} is left open`),
    ...(accounts === 1 ? [] : [`${accounts} accounts`]),
    ...(made <= orders ? [] : [`${made} orders where ${orders} would do`]),
  ];
}

/** How many orders for a name the CA has made, asked through its front. */
export function ordersFor(world: World, name: string): number {
  const orders = world.acmeFront.granted.filter(({ kind }) => kind === 'POST /order-plz');
  return orders.filter(({ payload }) => JSON.stringify(payload).includes(`"${name}"`)).length;
}

function certificateFaults(volume: string, name: string): string[] {
  const path = join(volume, 'live', name, 'fullchain.pem');
  if (!existsSync(path)) return ['no certificate'];
  const certificate = new X509Certificate(readFileSync(path));
  const isValid = certificate.validToDate > new Date() && certificate.checkHost(name) !== undefined;
  return isValid ? [] : [`a certificate of ${certificate.subjectAltName} until ${certificate.validTo}`];
}

function journalled(volume: string, name: string): unknown[] {
  const path = join(volume, 'dstack-ingress', 'challenges', `${name}.json`);
  if (!existsSync(path)) return [];
  const entries: unknown = JSON.parse(readFileSync(path, 'utf8'));
  return Array.isArray(entries) ? entries.map((entry) => JSON.stringify(entry)) : [entries];
}

function filesIn(volume: string, pattern: string): string[] {
  return globSync(pattern, { cwd: volume });
}
