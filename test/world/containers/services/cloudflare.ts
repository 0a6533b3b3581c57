import { join } from 'node:path';
import { systemClock } from '../../../../src/clock.ts';
import { CloudflareSimulator } from '../../apis/cloudflare.ts';
import { type StoredRecord, toZoneRecord } from '../../apis/cloudflare-record.ts';
import type { ZonePublisher, ZoneRecord } from '../../dns/publisher.ts';
import { createHttpPublisher } from './http-publisher.ts';
import { EVERYWHERE, PORTS, type Say, type Service } from './service.ts';
import { createState } from './state.ts';

export interface AccountOptions {
  readonly zone: string;
  readonly token: string;
  /** The file that stores the account. */
  readonly file: string;
  /**
   * Receives the zone's content after every write, and once at the start for name servers that
   * missed a write.
   */
  readonly publisher: ZonePublisher;
}

interface Account {
  readonly zoneId: string;
  readonly records: readonly StoredRecord[];
}

/** Cloudflare's API with an account that survives a restart. Does not listen yet. */
export async function openAccount(options: AccountOptions): Promise<CloudflareSimulator> {
  const { zone, token, file, publisher } = options;
  const state = createState<Account>(file);
  const stored = await state.load();
  const keeping: ZonePublisher = {
    async publish(written, records) {
      await state.save({ zoneId: simulator.zoneId(written), records: simulator.recordsOf(written) });
      await publisher.publish(written, records);
    },
  };
  const simulator = new CloudflareSimulator({ zones: [], token: { value: token }, publisher: keeping });
  simulator.addZone(zone, 'active', stored?.zoneId);
  for (const record of stored?.records ?? []) simulator.addRecord(zone, record);
  await keeping.publish(zone, simulator.recordsOf(zone).map(toZoneRecord));
  return simulator;
}

/** Cloudflare's API, publishing to both name servers. */
export const startCloudflare: Service = async (settings, say) => {
  const { ZONE: zone, CLOUDFLARE_API_TOKEN: token, STATE_DIR, NS1_ADDRESS, NS2_ADDRESS } = settings;
  const servers = [NS1_ADDRESS, NS2_ADDRESS].map((address) => `http://${address}:${PORTS.zones}`);
  const toServers = createHttpPublisher({ servers, clock: systemClock });
  const sayChanges = createChangeLog(say);
  const publisher: ZonePublisher = {
    async publish(published, records) {
      sayChanges(records);
      await toServers.publish(published, records);
    },
  };
  const file = join(STATE_DIR, 'cloudflare.json');
  const account = await openAccount({ zone, token, file, publisher });
  await account.listen(EVERYWHERE, PORTS.cloudflare);
  say(`serving zone ${zone} on port ${PORTS.cloudflare}, publishing to ${servers.join(' and ')}`);
};

/** Returns a function that logs the records added and removed since its last call. */
function createChangeLog(say: Say): (records: readonly ZoneRecord[]) => void {
  const words = ({ name, type, data }: ZoneRecord) => `${name} ${type} ${data}`;
  let before = new Set<string>();
  return (records) => {
    const now = new Set(records.map(words));
    for (const record of before) if (!now.has(record)) say(`- ${record}`);
    for (const record of now) if (!before.has(record)) say(`+ ${record}`);
    before = now;
  };
}
