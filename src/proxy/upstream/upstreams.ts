import { isIP } from 'node:net';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { Lookup } from '../../net/system-lookup.ts';
import type { WarnOf } from '../../warnings.ts';
import { type Backend, backendsOf } from '../config/backends.ts';
import type { ProxySettings } from '../config/render.ts';
import { BackendServers } from './backend-servers.ts';
import { type Connects, connects as connectsTo } from './connects.ts';
import type { Place } from './messages.ts';
import { AppAddress } from './upstream-host.ts';
import { AppServers } from './upstream-port.ts';
import { AppReport } from './upstream-report.ts';

export interface FollowOptions {
  readonly lookup?: Lookup;
  readonly connects?: Connects;
  /** Whether localhost is a container of our own, where an app is seldom found; false by default. */
  readonly inContainer?: boolean;
  readonly clock: Clock;
  readonly log: Log;
  /** Of the apps: see subjectOf. */
  readonly warnOf: WarnOf;
}

/** The hosts of apps, each with the servers that lead to it. */
export function followedApps(
  settings: Pick<ProxySettings, 'routes' | 'maxconn' | 'evidencePort'>,
  { lookup, ...options }: FollowOptions & { readonly lookup: Lookup },
): AppAddress[] {
  const backends = backendsOf(settings.routes, settings.evidencePort !== undefined);
  const hosts = [...Map.groupBy(backends, ({ target }) => target.host)];
  const everyMs = lookEveryMs(hosts.filter(([host]) => isIP(host) === 0).length);
  return hosts.map(([host, led]) => {
    const ports = [...Map.groupBy(led, ({ target }) => target.port)];
    const servers = ports.map(([port, of]) => serversAt({ host, port }, of, settings, options));
    return new AppAddress({ ...options, host, servers, lookup, everyMs });
  });
}

function serversAt(
  place: Place,
  led: readonly Backend[],
  { maxconn }: Pick<ProxySettings, 'maxconn'>,
  { connects = connectsTo, inContainer = false, clock, log, warnOf }: Omit<FollowOptions, 'lookup'>,
): AppServers {
  const { host, port } = place;
  // An address is in the configuration.
  const backends = led
    .filter(() => isIP(host) === 0)
    .map(
      ({ name, kind }) => new BackendServers({ name, port, maxconn: kind === 'bytes' ? undefined : maxconn }),
    );
  const report = new AppReport({ ...place, inContainer, log, warnOf });
  return new AppServers({ port, backends, report, connects, clock });
}

/** Milliseconds between two looks at a host: a second, and longer where the processes of so many would take more than a tenth of a core. */
function lookEveryMs(hosts: number): number {
  return Math.max(1_000, hosts * 25);
}
