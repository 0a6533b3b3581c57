import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Change } from '../../src/dns/record.ts';
import { assertSame, create, failure, readRecords, record, remove, soon } from './support.ts';
import type { ContractFault, ContractSetup } from './world.ts';

const ZONE = 'example.com';
const APP = 'app.example.com';
const OTHER = 'other.example.com';
const CHALLENGE = '_acme-challenge.app.example.com';

/** apply(): the same changes again, several calls at once, and after a partial failure. */
export function repetitionContract(setup: ContractSetup): void {
  const start = [
    record(APP, 'A', '192.0.2.1'),
    record(CHALLENGE, 'TXT', 'old'),
    record(CHALLENGE, 'TXT', 'stays'),
  ];
  const end = [
    record(OTHER, 'CAA', '0 issue "ca.example"'),
    record(APP, 'CNAME', 'gateway.example.net'),
    record(CHALLENGE, 'TXT', 'new'),
    record(CHALLENGE, 'TXT', 'stays'),
  ];

  // The changes from `start` to `end`, as a plan contains them.
  async function begin() {
    // Owns the world until it is returned, so that a failure here leaves nothing open.
    await using stack = new AsyncDisposableStack();
    const world = stack.use(await setup([ZONE]));
    for (const one of start) world.plant(ZONE, one);
    const provider = world.open();
    const zone = await provider.zone(ZONE, soon());
    const current = await readRecords(provider, zone, APP, CHALLENGE);
    const address = current.find(({ type }) => type === 'A');
    const old = current.find(({ value }) => value === 'old');
    const [caa, alias, fresh] = end;
    assert.ok(address && old && caa && alias && fresh);
    const changes: Change[] = [
      ...remove(address),
      ...create(caa, alias),
      { action: 'replace', record: fresh, replaced: old },
    ];
    const held = stack.move();
    return { world, provider, zone, changes, [Symbol.asyncDispose]: () => held.disposeAsync() };
  }

  test('apply() of the same changes again succeeds and changes nothing', async () => {
    await using begun = await begin();
    const { world, provider, zone, changes } = begun;
    const first = await provider.apply(zone, changes, soon());
    const before = world.snapshot(ZONE);
    const second = await provider.apply(zone, changes, soon());
    assertSame(second, first);
    assertSame(await readRecords(provider, zone, APP, OTHER, CHALLENGE), end);
    assert.equal(world.snapshot(ZONE).length, before.length);
  });

  test('apply() of the same changes by a provider without memory succeeds', async () => {
    await using begun = await begin();
    const { world, provider, zone, changes } = begun;
    await provider.apply(zone, changes, soon());
    await world.open().apply(zone, changes, soon());
    assertSame(await readRecords(provider, zone, APP, OTHER, CHALLENGE), end);
  });

  const faults: readonly ContractFault[] = [{ kind: 'error' }, { kind: 'reset' }, { kind: 'lost' }];
  for (const fault of faults) {
    test(`apply() completes its changes after a call that ended with: ${fault.kind}`, async () => {
      await using begun = await begin();
      const { world, provider, zone, changes } = begun;
      world.fail(fault, 'write');
      await failure(
        provider.apply(zone, changes, soon()),
        fault.kind === 'error' ? 'PROVIDER_UNAVAILABLE' : 'PROVIDER_UNREACHABLE',
      );
      const made = await provider.apply(zone, changes, soon());
      assertSame(made, end.slice(0, 3));
      assertSame(await readRecords(provider, zone, APP, OTHER, CHALLENGE), end);
    });
  }

  test('apply() accepts changes that another client made meanwhile', async () => {
    await using world = await setup([ZONE]);
    const provider = world.open();
    const zone = await provider.zone(ZONE, soon());
    const wanted = record(CHALLENGE, 'TXT', 'value');
    const [gone] = await provider.apply(zone, create(record(APP, 'TXT', 'gone')), soon());
    assert.ok(gone);
    await world.open().apply(zone, [...remove(gone), ...create(wanted)], soon());
    assertSame(await provider.apply(zone, [...create(wanted), ...remove(gone)], soon()), [wanted]);
    assertSame(await readRecords(provider, zone, APP, CHALLENGE), [wanted]);
  });

  test('apply() corrects the TTL of a record that exists with another one', async () => {
    await using world = await setup([ZONE]);
    const provider = world.open();
    const zone = await provider.zone(ZONE, soon());
    world.plant(ZONE, record(APP, 'TXT', 'value', 7200));
    const wanted = record(APP, 'TXT', 'value', 3600);
    assertSame(await provider.apply(zone, create(wanted), soon()), [wanted]);
    assertSame(await readRecords(provider, zone, APP), [wanted]);
  });

  test('concurrent changes to one zone all take effect', async () => {
    await using world = await setup([ZONE]);
    const provider = world.open();
    const zone = await provider.zone(ZONE, soon());
    const values = Array.from({ length: 12 }, (_, index) => record(CHALLENGE, 'TXT', `value ${index}`));
    await Promise.all(values.map((one) => provider.apply(zone, create(one), soon())));
    assertSame(await readRecords(provider, zone, CHALLENGE), values);
    const [first, ...others] = values;
    assert.ok(first);
    await Promise.all(others.map((one) => provider.apply(zone, remove(one), soon())));
    assertSame(await readRecords(provider, zone, CHALLENGE), [first]);
  });

  test('more changes than fit into one call all take effect', async () => {
    await using world = await setup([ZONE]);
    const provider = world.open();
    const zone = await provider.zone(ZONE, soon());
    const length = Math.min(230, world.abilities.recordsPerZone);
    const values = Array.from({ length }, (_, index) => record(`n${index}.example.com`, 'A', '192.0.2.1'));
    const made = await provider.apply(zone, create(...values), soon());
    assertSame(made, values);
    const alias = record('n0.example.com', 'CNAME', 'target.example.net');
    const changes = [...create(alias), ...remove(...made.toReversed())];
    assertSame(await provider.apply(zone, changes, soon()), [alias]);
    assertSame(await readRecords(provider, zone, ...values.map(({ name }) => name)), [alias]);
  });
}
