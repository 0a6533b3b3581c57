import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure, soon } from './support.ts';
import type { ContractSetup } from './world.ts';

/** zone(): the zone of a name. */
export function zoneContract(setup: ContractSetup): void {
  const held: readonly (readonly [name: string, zone: string])[] = [
    ['app.example.com', 'example.com'],
    ['example.com', 'example.com'],
    ['_acme-challenge.app.example.com', 'example.com'],
    ['a.b.sub.example.com', 'sub.example.com'],
    ['sub.example.com', 'sub.example.com'],
    ['notsub.example.com', 'example.com'],
    ['app.example.co.uk', 'example.co.uk'],
    ['app.sub.example.us.to', 'sub.example.us.to'],
  ];
  for (const [name, expected] of held) {
    test(`zone() of ${name} is ${expected}`, async () => {
      const sold = ['example.com', 'example.co.uk', 'ple.com'];
      await using world = await setup(sold);
      const below = ['sub.example.com', 'sub.example.us.to'];
      if (world.abilities.anyZone) for (const zone of below) world.addZone(zone);
      else if (below.includes(expected)) return;
      assert.equal((await world.open().zone(name, soon())).name, expected);
    });
  }

  test('zone() reports that no zone of the account holds the name', async () => {
    await using world = await setup(['example.com']);
    const provider = world.open();
    for (const name of ['app.example.org', 'com', 'notexample.com']) {
      const { details } = await failure(provider.zone(name, soon()), 'ZONE_NOT_FOUND');
      assert.equal(details['nameInDoubt'], true, name);
    }
  });

  test('zone() shares one lookup among concurrent calls', async () => {
    await using world = await setup(['example.com']);
    const provider = world.open();
    await Promise.all(
      ['app.example.com', 'example.com', 'x.y.example.com'].map((name) => provider.zone(name, soon())),
    );
    const { reads, writes } = world.calls();
    assert.ok(reads >= 1 && reads <= world.costs.zone, `${reads} reads`);
    await provider.zone('later.example.com', soon());
    assert.deepEqual(world.calls(), { reads, writes: 0 });
    assert.equal(writes, 0);
  });

  test('zone() finds a zone that was added meanwhile', async () => {
    await using world = await setup(['example.com']);
    const provider = world.open();
    await failure(provider.zone('app.example.net', soon()), 'ZONE_NOT_FOUND');
    world.addZone('example.net');
    assert.equal((await provider.zone('app.example.net', soon())).name, 'example.net');
  });

  test('zone() works with credentials for one zone, and ignores other zones', async () => {
    await using world = await setup(['example.com', 'example.net']);
    if (!world.abilities.limitedCredentials) return;
    const provider = world.openLimited({ zones: ['example.net'], write: true });
    assert.equal((await provider.zone('app.example.net', soon())).name, 'example.net');
    if (world.abilities.listsForeignZones) return;
    await failure(provider.zone('app.example.com', soon()), 'ZONE_NOT_FOUND');
  });
}
