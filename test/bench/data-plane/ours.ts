import { systemClock } from '../../../src/clock.ts';
import { createLog } from '../../../src/log.ts';
import { startProxy } from '../../../src/proxy/proxy.ts';
import type { Contender, Running, Site } from './contender.ts';

/** Our data plane, started as the control plane starts it. Only this file knows how. */
export const ours: readonly Contender[] = [
  { id: 'ours-tcp', start: (site) => startOurs(site, 'tcp', []) },
  { id: 'ours-http', start: (site) => startOurs(site, 'http/1.1', ['h2', 'http/1.1']) },
];

async function startOurs(site: Site, speaks: 'tcp' | 'http/1.1', alpn: readonly string[]): Promise<Running> {
  const { stage, folder, port, app, certificates } = site;
  const target = { ...app, speaks, tls: false };
  const proxy = await startProxy({
    haproxyBin: await stage.launcher('haproxy', stage.cores.proxy),
    runtimeDir: folder,
    port,
    routes: certificates.map(({ name }) => ({ name, target, alpn })),
    // The defaults of MAXCONN and of the timeouts.
    maxconn: 4096,
    timeouts: { connect: 10_000, client: 86_400_000, server: 86_400_000 },
    ...{ acceptProxy: false, sendProxy: 'off', upstreamTls: { verify: true }, evidencePort: undefined },
    drainMs: 100,
    clock: systemClock,
    log: createLog('silent'),
    warnOf: () => undefined,
  });
  for (const certificate of certificates) await proxy.install(certificate);
  const { pid } = proxy;
  if (pid === undefined) throw new Error('our HAProxy has ended');
  return { pid, [Symbol.asyncDispose]: () => proxy.stop() };
}
