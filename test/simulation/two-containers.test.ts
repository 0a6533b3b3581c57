import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { DnsRecord } from '../../src/dns/record.ts';
import { NAME, type Settings } from './container.ts';
import type { Explored } from './interleavings.ts';
import { type Kind, kinds } from './one-zone.ts';
import { APP_ADDRESS, type Situation } from './same-second.ts';

async function explore(situation: Situation): Promise<Explored> {
  const worker = new Worker(new URL('./explore.ts', import.meta.url), { workerData: situation });
  const [explored] = await once(worker, 'message');
  await worker.terminate();
  return explored;
}

const settings = (id: string, changes: Partial<Settings> = {}): Settings => ({
  ...{ id, mode: 'claim', gateway: 'gw.one.example.net', setCaa: false, orders: true },
  ...changes,
});
const both = (changes: Partial<Settings> = {}) => [settings('aa', changes), settings('bb', changes)];
const old = [
  { name: NAME, type: 'CNAME', value: 'gw.old.example.net', ttl: 60 },
  { name: APP_ADDRESS, type: 'TXT', value: 'old:443', ttl: 60 },
];
const elsewhere = [settings('aa'), settings('bb', { gateway: 'gw.two.example.net' })];
// The keys are those of a constant.
const all = Object.keys(kinds) as Kind[];
/**
 * Providers that refuse or merge a conflicting write; with the others, another run may be needed.
 */
const atomic: readonly Kind[] = ['ids', 'sets', 'values'];

const table: [title: string, kinds: readonly Kind[], containers: Settings[], initialRecords: DnsRecord[]][] =
  [
    ['a free name', [...atomic, 'zone'], both(), []],
    ['a free name, and one of them orders', all, [settings('aa'), settings('bb', { orders: false })], []],
    ['another container owns the name', ['ids', 'sets'], both(), old],
    ['their gateways differ', atomic, elsewhere, old],
    ['one is a standby', atomic, [settings('bb'), settings('aa', { mode: 'hold' })], []],
    ['both are standbys', ['ids'], both({ mode: 'hold' }), []],
    ['both have SET_CAA', ['ids', 'sets'], both({ setCaa: true }), []],
    ['three containers', ['ids'], [...both({ orders: false }), settings('cc', { orders: false })], []],
  ];
for (const [title, some, containers, initialRecords] of table) {
  for (const kind of some) {
    test(`containers that start in the same second converge, ${kind}: ${title}`, async (t) => {
      const { states, ends } = await explore({ kind, containers, initialRecords });
      t.diagnostic(`${states} states; ${[...ends].map(([end, count]) => `${count} × ${end}`).join('; ')}`);
      assert.ok(states > 500, 'their steps do not overlap');
      if (atomic.includes(kind))
        assert.deepEqual([...ends.keys()], [containers.map(() => 'success').join(', ')]);
    });
  }
}
