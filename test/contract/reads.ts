import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertSame, create, readRecords, record, soon } from './support.ts';
import type { ContractSetup, ContractWorld } from './world.ts';

const ZONE = 'example.com';

/** records(): the current records at some names. */
export function readContract(setup: ContractSetup): void {
  const everything = [
    record('example.com', 'TXT', 'v=spf1 -all'),
    record('example.com', 'CAA', '0 issue "letsencrypt.org"'),
    record('app.example.com', 'A', '192.0.2.1'),
    record('app.example.com', 'AAAA', '2001:db8::1'),
    record('app.example.com', 'AAAA', '2a01:0:0:2::3'),
    record(
      'app.example.com',
      'CAA',
      '0 issue "letsencrypt.org;validationmethods=dns-01;accounturi=https://ca/acct/1"',
    ),
    record('app.example.com', 'CAA', '128 iodef "mailto:ops@example.com"'),
    record('_acme-challenge.app.example.com', 'TXT', 'BEEFbeef-_0123'),
    record('_acme-challenge.app.example.com', 'TXT', 'a "quoted" \\ one; with = signs'),
    record('www.example.com', 'CNAME', 'target.example.net'),
    record('*.example.com', 'CNAME', '_under.example.net'),
    record('long.example.com', 'TXT', 'x'.repeat(300) + 'y'.repeat(300)),
    record('myapp.example.com', 'A', '192.0.2.2'),
    record('www.app.example.com', 'A', '192.0.2.3'),
  ];
  const possible = ({ abilities }: ContractWorld) =>
    everything.filter(({ type, value }) => abilities.caaFlags || type !== 'CAA' || value.startsWith('0 '));

  const asked: readonly (readonly string[])[] = [
    ['example.com'],
    ['app.example.com'],
    ['*.example.com'],
    ['long.example.com'],
    ['nothing.example.com'],
    ['app.example.com', '_acme-challenge.app.example.com'],
    ['*.example.com', '_acme-challenge.example.com', 'example.com'],
    ['_acme-challenge.app.example.com', 'www.example.com', 'nothing.example.com'],
    ['app.example.com', 'app.example.com'],
    [],
  ];
  for (const names of asked) {
    test(`records() of [${names.join(', ')}] returns exactly theirs, canonical`, async () => {
      await using world = await setup([ZONE]);
      const current = possible(world);
      for (const one of current) world.plant(ZONE, one);
      const provider = world.open();
      const zone = await provider.zone(ZONE, soon());
      world.resetCalls();
      assertSame(
        await readRecords(provider, zone, ...names),
        current.filter(({ name }) => names.includes(name)),
      );
      assert.ok(world.calls().reads <= world.costs.records, `${world.calls().reads} reads`);
      assert.equal(world.calls().writes, 0);
    });
  }

  test('records() returns what apply() created, in the same form', async () => {
    await using world = await setup([ZONE]);
    const provider = world.open();
    const zone = await provider.zone(ZONE, soon());
    const { servesUnderscoreTargets } = provider.capabilities;
    const { quotesInTxt = true } = world.abilities;
    const written = possible(world).filter(
      ({ type, value }) =>
        (servesUnderscoreTargets || type !== 'CNAME' || !value.startsWith('_')) &&
        (quotesInTxt || type !== 'TXT' || !value.includes('"')),
    );
    assertSame(await provider.apply(zone, create(...written), soon()), written);
    assertSame(await readRecords(world.open(), zone, ...written.map(({ name }) => name)), written);
  });

  test('records() returns all of the hundreds of records of a name', async () => {
    await using world = await setup([ZONE]);
    const { recordsPerZone, valuesPerName } = world.abilities;
    const length = Math.min(320, recordsPerZone, valuesPerName);
    const many = Array.from({ length }, (_, index) => record('many.example.com', 'TXT', `value ${index}`));
    for (const one of many) world.plant(ZONE, one);
    const provider = world.open();
    assertSame(await readRecords(provider, await provider.zone(ZONE, soon()), 'many.example.com'), many);
  });

  test('records() returns records of others, of any type', async () => {
    await using world = await setup([ZONE]);
    world.plantStrangers(ZONE, [ZONE]);
    const provider = world.open();
    const types = (await readRecords(provider, await provider.zone(ZONE, soon()), ZONE)).map(
      ({ type }) => type,
    );
    assert.ok(types.includes('MX'));
  });

  test('names are compared without case, and by every letter', async () => {
    await using world = await setup([ZONE]);
    world.plant(ZONE, record('App.Example.COM', 'CNAME', 'Target.Example.NET'));
    world.plant(ZONE, record('_Acme-Challenge.App.Example.com', 'TXT', 'Case Stays'));
    const provider = world.open();
    const zone = await provider.zone('APP.example.com', soon());
    assertSame(await readRecords(provider, zone, 'app.EXAMPLE.com', '_acme-challenge.app.example.com'), [
      record('app.example.com', 'CNAME', 'target.example.net'),
      record('_acme-challenge.app.example.com', 'TXT', 'Case Stays'),
    ]);
  });

  test('records() returns a record on the last page of a large zone', async () => {
    await using world = await setup([ZONE]);
    const length = Math.min(1200, world.abilities.recordsPerZone - 1);
    for (let index = 0; index < length; index += 1) {
      world.plant(ZONE, record(`n${index}.example.com`, 'A', '192.0.2.1'));
    }
    const last = record('zzz.example.com', 'TXT', 'the last one');
    world.plant(ZONE, last);
    const provider = world.open();
    assertSame(await readRecords(provider, await provider.zone(ZONE, soon()), 'zzz.example.com'), [last]);
  });
}
