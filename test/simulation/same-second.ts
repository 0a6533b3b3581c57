import assert from 'node:assert/strict';
import { type DnsRecord, describeRecord } from '../../src/dns/record.ts';
import { type Container, NAME, type Settings, startContainer } from './container.ts';
import type { Play, Step } from './interleavings.ts';
import { type Kind, kinds, type OneZone } from './one-zone.ts';

/** Containers that start in the same second with one name: every order of their calls, and of what the name server sees of them. */

export const APP_ADDRESS = `_dstack-app-address.${NAME}`;
const CHALLENGE = `_acme-challenge.${NAME}`;
/** So often a name server may be asked that does not have the zone's last state yet; longer than until the first second look. */
const MOST_STALE_ANSWERS = 3;
export interface Situation {
  readonly kind: Kind;
  readonly containers: readonly Settings[];
  readonly planted: readonly DnsRecord[];
}

export function openPlay({ kind, containers, planted }: Situation, step: Step): Play {
  const zone: OneZone = {
    records: planted.map((record, made) => ({ ...record, handle: `p${made}` })),
    made: {},
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
    byItself: () =>
      nameServer.records === zone.records ? undefined : { what: 'the name server has it', act: fetch },
    state: () =>
      JSON.stringify([
        zone.records,
        nameServer.records !== zone.records && nameServer,
        all.map((one) => one.state()),
      ]),
    end: async () => {
      // Who overwrote each other to the last tries again later, and a die is thrown for when.
      if (ends.some((end) => end !== 'well')) for (const container of all) await container.round(false);
      await assertPeace(zone, all, kind);
      return ends.join(', ');
    },
  };
}

const stand = (zone: OneZone, name: string, type: string) =>
  zone.records.filter((record) => record.name === name && record.type === type).map(({ value }) => value);

/** Everything that is promised once all have started. */
async function assertPeace(zone: OneZone, containers: readonly Container[], kind: Kind): Promise<void> {
  const holders = () => stand(zone, APP_ADDRESS, 'TXT');
  const before = holders();
  assert.equal(before.length, 1, `the gateway reads one value: ${before.join(' and ')}`);
  const ids = containers.map(({ settings }) => `${settings.id}:443`);
  assert.ok(ids.includes(before[0] ?? ''));
  // What a write of the whole zone has taken away comes back with the next rounds.
  for (const container of containers) await container.round(false);
  const { records } = zone;
  for (let turn = 0; turn < 2; turn += 1) for (const container of containers) await container.round(false);
  assert.equal(zone.records, records, 'nobody writes any more');
  assert.deepEqual(holders(), before);
  assert.deepEqual(stand(zone, CHALLENGE, 'TXT'), []);
  const { settings } = containers.find((one) => `${one.settings.id}:443` === before[0]) ?? {};
  assert.ok(settings);
  const aliases = [...stand(zone, NAME, 'CNAME'), ...stand(zone, NAME, 'A')];
  const wanted = settings.setCaa && !kinds[kind].cnameBesideOthers ? /^192\.0\.2\./ : /^gw/;
  assert.equal(aliases.length, 1, zone.records.map(describeRecord).join('\n'));
  assert.match(aliases[0] ?? '', wanted);
}
