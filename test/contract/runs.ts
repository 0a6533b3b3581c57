import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DnsProvider, Zone } from '../../src/dns/provider.ts';
import type { DesiredRecord } from '../../src/records/desired.ts';
import { planAndApply } from '../harness/dns/plan-and-apply.ts';
import { assertSame, readRecords, record, soon } from './support.ts';
import type { ContractSetup, ContractWorld } from './world.ts';

const ZONE = 'example.com';
const APP = 'app.example.com';
const ADDRESS = '_dstack-app-address.app.example.com';
const OTHER = 'other.example.com';

/** Complete runs with the program's own plan: what the verbs together guarantee. */
export function runContract(setup: ContractSetup): void {
  function desired(provider: DnsProvider): DesiredRecord[] {
    const ttl = provider.capabilities.normalizeTtl(60);
    return [
      { purpose: 'alias', ...record(APP, 'CNAME', 'gateway.example.net', ttl) },
      { purpose: 'app-address', ...record(ADDRESS, 'TXT', `${'a'.repeat(40)}:443`, ttl) },
      { purpose: 'caa', ...record(OTHER, 'CAA', '0 issue "ca.example;accounturi=https://ca/1"', ttl) },
    ];
  }

  async function pass(provider: DnsProvider, zone: Zone) {
    return planAndApply(provider, zone, [APP, ADDRESS, OTHER], desired(provider), soon());
  }

  async function begin(world: ContractWorld) {
    world.plant(ZONE, record(APP, 'A', '192.0.2.1'));
    world.plant(ZONE, record(ADDRESS, 'TXT', 'an older address'));
    const provider = world.open();
    return { provider, zone: await provider.zone(ZONE, soon()) };
  }

  test('a second run reads once and writes nothing', async () => {
    await using world = await setup([ZONE]);
    const { provider, zone } = await begin(world);
    assert.ok((await pass(provider, zone)).changes.length > 0);
    assertSame(await readRecords(provider, zone, APP, ADDRESS, OTHER), desired(provider));
    const before = world.snapshot(ZONE);
    world.resetCalls();
    assert.deepEqual((await pass(provider, zone)).changes, []);
    assert.deepEqual(world.calls(), { reads: 1, writes: 0 });
    assert.deepEqual(world.snapshot(ZONE), before);
  });

  test('a run of a provider without memory writes nothing either', async () => {
    await using world = await setup([ZONE]);
    const { provider, zone } = await begin(world);
    await pass(provider, zone);
    world.resetCalls();
    const fresh = world.open();
    await pass(fresh, await fresh.zone(APP, soon()));
    const { reads, writes } = world.calls();
    assert.equal(writes, 0);
    assert.ok(reads <= world.costs.zone + world.costs.records, `${reads} reads`);
  });

  for (const kind of ['error', 'reset', 'lost'] as const) {
    test(`a partial write that ended with ${kind} is repaired by the next run`, async () => {
      await using world = await setup([ZONE]);
      const { provider, zone } = await begin(world);
      world.plantStrangers(ZONE, [ZONE]);
      world.fail({ kind }, 'write');
      await assert.rejects(pass(provider, zone));
      await pass(provider, zone);
      assertSame(await readRecords(provider, zone, APP, ADDRESS, OTHER), desired(provider));
    });
  }

  test('a run changes a TTL that alone differs, and the next one writes nothing', async () => {
    await using world = await setup([ZONE]);
    const provider = world.open();
    const zone = await provider.zone(ZONE, soon());
    const ttl = provider.capabilities.normalizeTtl(7200);
    for (const one of desired(provider)) world.plant(ZONE, { ...one, ttl });
    await pass(provider, zone);
    assertSame(await readRecords(provider, zone, APP, ADDRESS, OTHER), desired(provider));
    world.resetCalls();
    const fresh = world.open();
    assert.deepEqual((await pass(fresh, await fresh.zone(APP, soon()))).changes, []);
    assert.equal(world.calls().writes, 0);
  });

  test('a record that another client writes between two runs stays', async () => {
    await using world = await setup([ZONE]);
    const { provider, zone } = await begin(world);
    await pass(provider, zone);
    const theirs = [record(OTHER, 'CAA', '0 issue "other.example"'), record(OTHER, 'TXT', 'theirs')];
    for (const one of theirs) world.plant(ZONE, one);
    world.plant(ZONE, record(ADDRESS, 'TXT', 'an intruder'));
    await pass(provider, zone);
    const { sharesTtl } = provider.capabilities;
    const ours = desired(provider).map((one) =>
      sharesTtl && one.name === OTHER ? { ...one, ttl: theirs[0]?.ttl ?? 0 } : one,
    );
    assertSame(await readRecords(provider, zone, APP, ADDRESS, OTHER), [...ours, ...theirs]);
    world.resetCalls();
    await pass(provider, zone);
    assert.deepEqual(world.calls(), { reads: 1, writes: 0 }, 'the next run accepts it');
  });

  test('records beside ours keep their TTL', async () => {
    await using world = await setup([ZONE]);
    const theirs = record(OTHER, 'CAA', '0 issue "other.example"');
    world.plant(ZONE, theirs);
    const { provider, zone } = await begin(world);
    await pass(provider, zone);
    const current = await readRecords(provider, zone, OTHER);
    assertSame(
      current.filter(({ value }) => value === theirs.value),
      [theirs],
    );
    world.resetCalls();
    await pass(provider, zone);
    assert.equal(world.calls().writes, 0);
  });
}
