import { isIP } from 'node:net';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { Lookup } from '../../net/system-lookup.ts';
import type { WarnOf } from '../../warnings.ts';
import { type Backend, backendsOf } from '../config/backends.ts';
import type { ProxySettings } from '../config/render.ts';
import { BackendServers } from './backend-servers.ts';
import type { Endpoint } from './messages.ts';
import { probeTcp, type TcpProbe } from './probe.ts';
import { UpstreamHost } from './upstream-host.ts';
import { UpstreamPort } from './upstream-port.ts';
import { UpstreamReport } from './upstream-report.ts';

export interface UpstreamOptions {
  readonly lookup?: Lookup;
  readonly probe?: TcpProbe;
  /**
   * Whether localhost is the container of the ingress, where an app rarely is; false by default.
   */
  readonly inContainer?: boolean;
  readonly clock: Clock;
  readonly log: Log;
  /** For warnings about upstreams, see upstreamSubject. */
  readonly warnOf: WarnOf;
}

/** The distinct hosts of the targets, each with its ports and the backends that lead to them. */
export function createUpstreams(
  settings: Pick<ProxySettings, 'routes' | 'maxconn' | 'evidencePort'>,
  { lookup, ...options }: UpstreamOptions & { readonly lookup: Lookup },
): UpstreamHost[] {
  const backends = backendsOf(settings.routes, settings.evidencePort !== undefined);
  const hosts = [...Map.groupBy(backends, ({ target }) => target.host)];
  const everyMs = lookupIntervalMs(hosts.filter(([host]) => isIP(host) === 0).length);
  return hosts.map(([host, ofHost]) => {
    const byPort = [...Map.groupBy(ofHost, ({ target }) => target.port)];
    const ports = byPort.map(([port, ofPort]) => upstreamPort({ host, port }, ofPort, settings, options));
    return new UpstreamHost({ ...options, host, ports, lookup, everyMs });
  });
}

function upstreamPort(
  endpoint: Endpoint,
  backends: readonly Backend[],
  { maxconn }: Pick<ProxySettings, 'maxconn'>,
  { probe = probeTcp, inContainer = false, clock, log, warnOf }: Omit<UpstreamOptions, 'lookup'>,
): UpstreamPort {
  const { host, port } = endpoint;
  // The servers of an IP address are complete in haproxy.cfg.
  const servers = backends
    .filter(() => isIP(host) === 0)
    .map(
      ({ name, kind }) => new BackendServers({ name, port, maxconn: kind === 'tcp' ? undefined : maxconn }),
    );
  const report = new UpstreamReport({ ...endpoint, inContainer, log, warnOf });
  return new UpstreamPort({ port, backends: servers, report, probe, clock });
}

/**
 * Milliseconds between two lookups of a host: a second, or more if lookups of so many hosts would
 * use more than 10% of a core.
 */
function lookupIntervalMs(hosts: number): number {
  return Math.max(1_000, hosts * 25);
}
