import { X509Certificate } from 'node:crypto';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { txtValues } from '../e2e/support.ts';
import type { Environment } from '../world/ingress.ts';
import type { World } from '../world/world.ts';

/**
 * The problems that remain after a fault is over and the ingress has finished a run. None if there
 * is a valid certificate on the volume and in handshakes, no challenge value and no open order, one
 * account, and at most `orders` orders.
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
    ...(Object(answer).status === 200 ? [] : [`clients get ${answer}`]),
    ...values.map((value) => `the challenge value ${value} is still published`),
    ...journalled(volume, name).map((entry) => `${entry} is still in the journal of challenges`),
    ...open.map((path) => `the order ${path} is still open`),
    ...(accounts === 1 ? [] : [`${accounts} accounts`]),
    ...(made <= orders ? [] : [`${made} orders, expected at most ${orders}`]),
  ];
}

/** The number of orders for a name that the CA has created, as counted by its front. */
function ordersFor(world: World, name: string): number {
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
