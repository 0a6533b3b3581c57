import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock, until } from '../../../../src/clock.ts';
import { query } from '../../dns/dns-client.ts';
import { untilListening } from '../../management.ts';
import { PORTS, type Service } from './service.ts';
import type { Settings } from './settings.ts';

const PATIENCE_MS = 60_000;
const EVERY_MS = 50;

/**
 * Resolves once every service that the ingress needs at its start responds; in production, all of
 * these exist before it.
 */
export const waitUntilReady: Service = async (settings, say) => {
  const ports: [host: string, port: number][] = [
    ['app', PORTS.app],
    ['cloudflare', PORTS.cloudflare],
    ['gateway', PORTS.gateway],
    ['ca', PORTS.ca],
  ];
  await Promise.all([
    ...ports.map(([host, port]) => untilListening(host, port, PATIENCE_MS)),
    untilTrue('the guest agent', () => existsSync(join(settings.GUEST_AGENT_DIR, 'dstack.sock'))),
    untilTrue('the resolver', () => resolves(settings)),
  ]);
  say('every service is up');
};

/** Looks up a name through the resolver and a name server. */
async function resolves({ RESOLVER_ADDRESS, ZONE }: Settings): Promise<boolean> {
  return query(RESOLVER_ADDRESS, ZONE, 'SOA', { timeoutMs: 500 }).then(
    ({ rcode }) => rcode === 'NOERROR',
    () => false,
  );
}

async function untilTrue(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  const seen = async () => (await check()) || undefined;
  const done = await until(seen, { clock: systemClock, timeoutMs: PATIENCE_MS, everyMs: EVERY_MS });
  if (!done) throw new Error(`${what} was not up within ${PATIENCE_MS / 1000} s`);
}
