import { startTogether } from '../start-together.ts';
import { NameServer } from './name-server.ts';
import type { ZonePublisher } from './publisher.ts';
import { assertPublishable, primaryZones, type ZonesOptions } from './zones.ts';

export type ServerName = 'ns1' | 'ns2';

export interface NameServersOptions extends ZonesOptions {
  readonly directory: string;
  readonly resolver: string;
}

/** The two authoritative name servers of the world's zones; each has every zone. */
export interface NameServers extends ZonePublisher, AsyncDisposable {
  readonly ns1: NameServer;
  readonly ns2: NameServer;
  readonly pids: readonly number[];
  /**
   * Milliseconds until the server answers what is published; also applies to publications that have
   * not reached it.
   */
  setLag(server: ServerName, ms: number): void;
  /** Makes the server refuse queries; publications still reach it. */
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
      const apex = assertPublishable(zones, zone, records);
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
