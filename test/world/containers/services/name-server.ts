import { join } from 'node:path';
import { NameServer } from '../../dns/name-server.ts';
import type { ZoneRecord } from '../../dns/publisher.ts';
import { primaryZones, type ZonesOptions } from '../../dns/zones.ts';
import { PORTS, type Say, zonesOf } from './service.ts';
import type { Settings } from './settings.ts';
import { createState } from './state.ts';
import { openZoneEndpoint } from './zone-endpoint.ts';

export interface NameServerService extends ZonesOptions {
  /** Has the zones' contents and BIND's files. */
  readonly directory: string;
  /** The address it listens on: port 53 for queries, `PORTS.zones` for zone contents. */
  readonly address: string;
  readonly resolver: string;
  readonly say: Say;
}

/**
 * An authoritative name server that receives its zones' content over HTTP and keeps it across
 * restarts.
 */
export async function openNameServer(options: NameServerService): Promise<AsyncDisposable> {
  const { directory, address, resolver, say } = options;
  const zones = primaryZones(options);
  const stateOf = (zone: string) => createState<readonly ZoneRecord[]>(join(directory, `${zone}.json`));
  await using stack = new AsyncDisposableStack();
  const bind = join(directory, 'bind');
  const server = stack.use(await NameServer.start({ directory: bind, address, resolver, zones }));
  for (const { name } of zones) {
    const stored = (await stateOf(name).load()) ?? [];
    await server.update(name, stored);
    say(`serving ${name} on ${address}:53 with ${stored.length} records`);
  }
  const update = async (zone: string, records: readonly ZoneRecord[]) => {
    await server.update(zone, records);
    await stateOf(zone).save(records);
    say(`${zone} now has ${records.length} records`);
  };
  stack.use(await openZoneEndpoint({ address, port: PORTS.zones, zones, update }));
  const all = stack.move();
  return { [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** Starts the name server with this address. */
export async function startNameServer(address: string, settings: Settings, say: Say): Promise<void> {
  const { STATE_DIR, RESOLVER_ADDRESS: resolver } = settings;
  const directory = join(STATE_DIR, address);
  await openNameServer({ ...zonesOf(settings), directory, address, resolver, say });
}
