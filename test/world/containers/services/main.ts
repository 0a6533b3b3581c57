import process from 'node:process';
import { announce } from './announce.ts';
import { startAppService } from './app.ts';
import { startCa } from './ca.ts';
import { startCloudflare } from './cloudflare.ts';
import { startGatewayService } from './gateway.ts';
import { startGuestAgentService } from './guest-agent.ts';
import { startNameServer } from './name-server.ts';
import { waitUntilReady } from './ready.ts';
import { startResolverService } from './resolver.ts';
import type { Service } from './service.ts';
import { readSettings } from './settings.ts';
import { visit } from './visitor.ts';

/** Runs one service of the world, named by the only argument, until SIGTERM or SIGINT. */

const services: Readonly<Record<string, Service>> = {
  ns1: (settings, say) => startNameServer(settings.NS1_ADDRESS, settings, say),
  ns2: (settings, say) => startNameServer(settings.NS2_ADDRESS, settings, say),
  resolver: startResolverService,
  ca: startCa,
  cloudflare: startCloudflare,
  'guest-agent': startGuestAgentService,
  gateway: startGatewayService,
  app: startAppService,
  ready: waitUntilReady,
  visitor: visit,
};

// Signals' default actions do not apply to process 1 of a container. On exit, everything that it
// started is ended.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));

try {
  const [word = ''] = process.argv.slice(2);
  const service = services[word];
  if (!service) throw new Error(`name one of ${Object.keys(services).join(', ')}`);
  const settings = readSettings(process.env);
  await announce(settings);
  await service(settings, (line) => process.stdout.write(`${line}\n`));
} catch (thrown) {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`, () =>
    process.exit(1),
  );
}
