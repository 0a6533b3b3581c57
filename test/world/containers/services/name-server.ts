import { join } from 'node:path';
import { NameServer } from '../../dns/name-server.ts';
import type { ZoneRecord } from '../../dns/publisher.ts';
import { primaryZones, type ZonesOptions } from '../../dns/zones.ts';
import { PORTS, type Say, zonesOf } from './service.ts';
import type { Settings } from './settings.ts';
import { createState } from './state.ts';
import { openZoneEndpoint } from './zone-endpoint.ts';

export interface NameServerService extends ZonesOptions {
  /** Where the zones' contents are kept, and BIND's files. */
  readonly directory: string;
  /** Where it listens: port 53 for questions, `PORTS.zones` for what the zones hold. */
  readonly address: string;
  readonly resolver: string;
  readonly say: Say;
}

/** One authoritative name server, which takes its zones' content over HTTP and has it again after a restart. */
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
    say(`answers for ${name} at ${address}:53, with ${stored.length} records`);
  }
  const update = async (zone: string, records: readonly ZoneRecord[]) => {
    await server.update(zone, records);
    await stateOf(zone).save(records);
    say(`${zone} has ${records.length} records now`);
  };
  stack.use(await openZoneEndpoint({ address, port: PORTS.zones, zones, update }));
  const all = stack.move();
  return { [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** Starts the name server of that address. */
export async function startNameServer(address: string, settings: Settings, say: Say): Promise<void> {
  const { STATE_DIR, RESOLVER_ADDRESS: resolver } = settings;
  const directory = join(STATE_DIR, address);
  await openNameServer({ ...zonesOf(settings), directory, address, resolver, say });
}
