import { systemClock } from '../../../src/clock.ts';
import { createLog } from '../../../src/log.ts';
import { startProxy } from '../../../src/proxy/proxy.ts';
import type { Running, Site } from './contender.ts';

/** Our data plane, started as the control plane starts it. The only file here that knows how. */
export async function startOurs(site: Site): Promise<Running> {
  const { stage, folder, port, app, certificates } = site;
  const proxy = await startProxy({
    haproxyBin: await stage.launcher('haproxy', stage.cores.proxy),
    runtimeDir: folder,
    port,
    target: app,
    alpn: [],
    // The defaults of MAXCONN and of the timeouts.
    maxconn: 4096,
    timeouts: { connect: 10_000, client: 86_400_000, server: 86_400_000 },
    drainMs: 100,
    clock: systemClock,
    log: createLog('silent'),
  });
  for (const certificate of certificates) await proxy.install(certificate);
  const { pid } = proxy;
  if (pid === undefined) throw new Error('our HAProxy is gone');
  return { pid, [Symbol.asyncDispose]: () => proxy.stop() };
}
