import assert from 'node:assert/strict';
import { type DnsRecord, describeRecord } from '../../src/dns/record.ts';
import { type Container, NAME, type Settings, startContainer } from './container.ts';
import type { Model, Step } from './interleavings.ts';
import { type Kind, kinds, type OneZone } from './one-zone.ts';

/**
 * Containers that start in the same second with the same name, in every order of their calls and of
 * the name server's updates.
 */

export const APP_ADDRESS = `_dstack-app-address.${NAME}`;
const CHALLENGE = `_acme-challenge.${NAME}`;
/**
 * The maximum number of consecutive outdated answers of a name server; enough to make waits
 * recompute what they expect.
 */
const MOST_STALE_ANSWERS = 3;

export interface Situation {
  readonly kind: Kind;
  readonly containers: readonly Settings[];
  readonly initialRecords: readonly DnsRecord[];
}

export function openModel({ kind, containers, initialRecords }: Situation, step: Step): Model {
  const zone: OneZone = {
    records: initialRecords.map((record, index) => ({ ...record, handle: `p${index}` })),
    created: {},
  };
  const nameServer = { records: zone.records, stale: 0 };
  const fetch = () => {
    nameServer.records = zone.records;
    nameServer.stale = 0;
  };
  const served = () => {
    if (nameServer.records === zone.records) return zone.records;
    nameServer.stale += 1;
    if (nameServer.stale > MOST_STALE_ANSWERS) fetch();
    return nameServer.records;
  };
  const ends: string[] = [];
  const all = containers.map((settings) => startContainer(settings, { kind, zone, served, step }));
  return {
    actors: all.map((container, index) => async () => {
      ends[index] = await container.start();
    }),
    environmentStep: () =>
      nameServer.records === zone.records ? undefined : { what: 'the name server gets the zone', act: fetch },
    state: () =>
      JSON.stringify([
        zone.records,
        nameServer.records !== zone.records && nameServer,
        all.map((one) => one.state()),
      ]),
    end: async () => {
      // Containers that kept overwriting each other retry later, at random times.
      if (ends.some((end) => end !== 'success'))
        for (const container of all) await container.reconcile(false);
      await assertConverged(zone, all, kind);
      return ends.join(', ');
    },
  };
}

const valuesAt = (zone: OneZone, name: string, type: string) =>
  zone.records.filter((record) => record.name === name && record.type === type).map(({ value }) => value);

/** What must be true once all containers have started. */
async function assertConverged(zone: OneZone, containers: readonly Container[], kind: Kind): Promise<void> {
  const owners = () => valuesAt(zone, APP_ADDRESS, 'TXT');
  const before = owners();
  assert.equal(before.length, 1, `more than one app-address: ${before.join(' and ')}`);
  const ids = containers.map(({ settings }) => `${settings.id}:443`);
  assert.ok(ids.includes(before[0] ?? ''));
  // The next runs restore what a write of the whole zone removed.
  for (const container of containers) await container.reconcile(false);
  const { records } = zone;
  for (let run = 0; run < 2; run += 1) for (const container of containers) await container.reconcile(false);
  assert.equal(zone.records, records, 'a container still writes');
  assert.deepEqual(owners(), before);
  assert.deepEqual(valuesAt(zone, CHALLENGE, 'TXT'), []);
  const { settings } = containers.find((one) => `${one.settings.id}:443` === before[0]) ?? {};
  assert.ok(settings);
  const aliases = [...valuesAt(zone, NAME, 'CNAME'), ...valuesAt(zone, NAME, 'A')];
  const wanted = settings.setCaa && !kinds[kind].cnameBesideOthers ? /^192\.0\.2\./ : /^gw/;
  assert.equal(aliases.length, 1, zone.records.map(describeRecord).join('\n'));
  assert.match(aliases[0] ?? '', wanted);
}
