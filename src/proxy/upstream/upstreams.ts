import { isIP } from 'node:net';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { Lookup } from '../../net/system-lookup.ts';
import type { WarnOf } from '../../warnings.ts';
import { type Backend, backendsOf } from '../config/backends.ts';
import type { ProxySettings } from '../config/render.ts';
import { BackendServers } from './backend-servers.ts';
import { type TcpProbe, probeTcp as connectsTo } from './connects.ts';
import type { Endpoint } from './messages.ts';
import { UpstreamHost } from './upstream-host.ts';
import { UpstreamPort } from './upstream-port.ts';
import { UpstreamReport } from './upstream-report.ts';

export interface UpstreamOptions {
  readonly lookup?: Lookup;
  readonly probe?: TcpProbe;
  /** Whether localhost is a container of our own, where an app is seldom found; false by default. */
  readonly inContainer?: boolean;
  readonly clock: Clock;
  readonly log: Log;
  /** Of the apps: see subjectOf. */
  readonly warnOf: WarnOf;
}

/** The hosts of apps, each with the servers that lead to it. */
export function createUpstreams(
  settings: Pick<ProxySettings, 'routes' | 'maxconn' | 'evidencePort'>,
  { lookup, ...options }: UpstreamOptions & { readonly lookup: Lookup },
): UpstreamHost[] {
  const backends = backendsOf(settings.routes, settings.evidencePort !== undefined);
  const hosts = [...Map.groupBy(backends, ({ target }) => target.host)];
  const everyMs = resolveIntervalMs(hosts.filter(([host]) => isIP(host) === 0).length);
  return hosts.map(([host, led]) => {
    const ports = [...Map.groupBy(led, ({ target }) => target.port)];
    const servers = ports.map(([port, of]) => upstreamPort({ host, port }, of, settings, options));
    return new UpstreamHost({ ...options, host, servers, lookup, everyMs });
  });
}

function upstreamPort(
  place: Endpoint,
  led: readonly Backend[],
  { maxconn }: Pick<ProxySettings, 'maxconn'>,
  { probe: connects = connectsTo, inContainer = false, clock, log, warnOf }: Omit<UpstreamOptions, 'lookup'>,
): UpstreamPort {
  const { host, port } = place;
  // An address is in the configuration.
  const backends = led
    .filter(() => isIP(host) === 0)
    .map(
      ({ name, kind }) => new BackendServers({ name, port, maxconn: kind === 'bytes' ? undefined : maxconn }),
    );
  const report = new UpstreamReport({ ...place, inContainer, log, warnOf });
  return new UpstreamPort({ port, backends, report, probe: connects, clock });
}

/** Milliseconds between two looks at a host: a second, and longer where the processes of so many would take more than a tenth of a core. */
function resolveIntervalMs(hosts: number): number {
  return Math.max(1_000, hosts * 25);
}
