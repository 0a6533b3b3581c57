import type { PrimaryZone } from './bind-config.ts';
import { NameServer } from './name-server.ts';
import { bareName } from './presentation.ts';
import type { ZonePublisher, ZoneRecord } from './publisher.ts';
import type { Delegation } from './resolver.ts';
import { startTogether } from './start-together.ts';

export type ServerName = 'ns1' | 'ns2';

export interface NameServersOptions {
  readonly directory: string;
  /** The address of each. */
  readonly ns1: string;
  readonly ns2: string;
  readonly resolver: string;
  readonly zones: readonly string[];
}

/** The two authoritative name servers of the world's zones; both hold every zone. */
export interface NameServers extends ZonePublisher, AsyncDisposable {
  readonly ns1: NameServer;
  readonly ns2: NameServer;
  readonly pids: readonly number[];
  /** Milliseconds until the server answers what is published; also for publications that it has not reached yet. */
  setLag(server: ServerName, ms: number): void;
  /** Makes the server refuse; publications go on reaching it. */
  stop(server: ServerName): Promise<void>;
  start(server: ServerName): Promise<void>;
}

/** Starts both servers with empty zones (SOA, NS and glue). */
export async function startNameServers(options: NameServersOptions): Promise<NameServers> {
  const { directory, resolver } = options;
  const zones = primaryZones(options);
  const [ns1, ns2] = await startTogether([
    NameServer.start({ directory, resolver, zones, address: options.ns1 }),
    NameServer.start({ directory, resolver, zones, address: options.ns2 }),
  ]);
  const servers = { ns1, ns2 };
  return {
    ...servers,
    pids: [...ns1.pids, ...ns2.pids],
    setLag(server, ms) {
      servers[server].lagMs = ms;
    },
    stop: (server) => servers[server].stop(),
    start: (server) => servers[server].start(),
    async publish(zone, records) {
      const apex = bareName(zone);
      if (!zones.some(({ name }) => name === apex)) throw new Error(`${apex} is no zone of this world`);
      for (const record of records) assertOwned(apex, record);
      const updates = [ns1, ns2].map((server) => ({ server, done: server.update(apex, records) }));
      await Promise.all(updates.filter(({ server }) => server.lagMs === 0).map(({ done }) => done));
    },
    async [Symbol.asyncDispose]() {
      await using stack = new AsyncDisposableStack();
      stack.use(ns1);
      stack.use(ns2);
    },
  };
}

/** The zones that the top-level domains delegate: those that lie in no other zone of the world. */
export function delegationsOf(options: Pick<NameServersOptions, 'ns1' | 'ns2' | 'zones'>): Delegation[] {
  return primaryZones(options)
    .filter(({ name }, _, all) => !all.some((other) => name.endsWith(`.${other.name}`)))
    .map(({ name, servers }) => ({ zone: name, servers }));
}

function primaryZones({ ns1, ns2, zones }: Pick<NameServersOptions, 'ns1' | 'ns2' | 'zones'>): PrimaryZone[] {
  const servers = [
    { label: 'ns1', address: ns1 },
    { label: 'ns2', address: ns2 },
  ];
  return zones.map((zone): PrimaryZone => {
    const name = bareName(zone);
    const below = zones.map(bareName).filter((other) => other.endsWith(`.${name}`));
    const lines = below.flatMap((child) =>
      servers.flatMap(({ label, address }) => [
        `${child}. IN NS ${label}.${child}.`,
        `${label}.${child}. IN A ${address}`,
      ]),
    );
    return { name, servers, lines };
  });
}

function assertOwned(apex: string, { name, type }: ZoneRecord): void {
  const owner = bareName(name);
  if (owner !== apex && !owner.endsWith(`.${apex}`)) throw new Error(`${owner} is not in the zone ${apex}`);
  if (owner === apex && (type === 'SOA' || type === 'NS')) {
    throw new Error(`the ${type} of ${apex} belongs to the world: publish the zone without it`);
  }
}
