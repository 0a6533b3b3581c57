import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DnsRecord } from '../../src/dns/record.ts';
import { assertSame, assertSameOrder, create, readRecords, record, remove, soon } from './support.ts';
import type { ContractSetup } from './world.ts';

const ZONE = 'example.com';
const APP = 'app.example.com';
const CHALLENGE = '_acme-challenge.app.example.com';

const types: readonly (readonly [type: string, before: string, after: string])[] = [
  ['A', '192.0.2.1', '192.0.2.2'],
  ['AAAA', '2001:db8::1', '2001:db8::2'],
  ['CNAME', 'old.example.net', 'new.example.net'],
  ['TXT', 'old', 'new "one"'],
  ['CAA', '0 issue "letsencrypt.org"', '0 issue "letsencrypt.org;accounturi=https://ca/acct/1"'],
];

/** apply(): one change, or several that belong together. */
export function writeContract(setup: ContractSetup): void {
  for (const [type, before, after] of types) {
    test(`apply() creates, replaces and removes ${type}, each at the specified cost`, async () => {
      await using world = await setup([ZONE]);
      const provider = world.open();
      const zone = await provider.zone(ZONE, soon());
      const apply = async (...changes: Parameters<typeof provider.apply>[1]) => {
        world.resetCalls();
        const made = await provider.apply(zone, changes, soon());
        const { reads, writes } = world.calls();
        assert.ok(reads + writes <= world.costs.apply, `${reads} reads and ${writes} writes`);
        return made;
      };
      const created = await apply(...create(record(APP, type, before)));
      assertSame(await readRecords(provider, zone, APP), [record(APP, type, before)]);
      const [replaced] = created;
      assert.ok(replaced);
      const quotes = type !== 'TXT' || (world.abilities.quotesInTxt ?? true);
      const wanted = record(APP, type, quotes ? after : after.replaceAll('"', ''), 7200);
      assertSame(await apply({ action: 'replace', record: wanted, replaced }), [wanted]);
      const current = await readRecords(provider, zone, APP);
      assertSame(current, [wanted]);
      assert.deepEqual(await apply(...remove(...current)), []);
      assertSame(await readRecords(provider, zone, APP), []);
    });
  }

  test('apply() returns the created and replacing records in the order of the changes', async () => {
    await using world = await setup([ZONE]);
    const provider = world.open();
    const zone = await provider.zone(ZONE, soon());
    const [old, gone] = await provider.apply(
      zone,
      create(record(APP, 'TXT', 'old'), record(APP, 'TXT', 'gone')),
      soon(),
    );
    assert.ok(old && gone);
    const wanted = [
      record(CHALLENGE, 'TXT', '1'),
      record(APP, 'TXT', 'new'),
      record(CHALLENGE, 'TXT', '2'),
    ] as const;
    const made = await provider.apply(
      zone,
      [
        ...create(wanted[0]),
        ...remove(gone),
        { action: 'replace', record: wanted[1], replaced: old },
        ...create(wanted[2]),
      ],
      soon(),
    );
    assertSameOrder(made, wanted);
    assertSame(await readRecords(provider, zone, APP, CHALLENGE), wanted);
  });

  test('apply() adds and removes one TXT value beside others', async () => {
    await using world = await setup([ZONE]);
    const provider = world.open();
    const zone = await provider.zone(ZONE, soon());
    const [a, b] = [record(CHALLENGE, 'TXT', 'aaaa'), record(CHALLENGE, 'TXT', 'AAAA')];
    world.plant(ZONE, a);
    await provider.apply(zone, create(b), soon());
    assertSame(await readRecords(provider, zone, CHALLENGE), [a, b]);
    await provider.apply(zone, remove(a), soon());
    assertSame(await readRecords(provider, zone, CHALLENGE), [b]);
  });

  test('apply() finds a record to remove or replace by value if it has no handle', async () => {
    await using world = await setup([ZONE]);
    const provider = world.open();
    const zone = await provider.zone(ZONE, soon());
    const current = ['one', 'two', 'three'].map((value) => record(CHALLENGE, 'TXT', value));
    for (const one of current) world.plant(ZONE, one);
    const [one, two, three] = current;
    assert.ok(one && two && three);
    const four = record(CHALLENGE, 'TXT', 'four');
    await provider.apply(
      zone,
      [...remove(one), { action: 'replace', record: four, replaced: three }],
      soon(),
    );
    assertSame(await readRecords(provider, zone, CHALLENGE), [two, four]);
  });

  test('apply() replaces addresses by a CNAME, and a CNAME by addresses', async () => {
    await using world = await setup([ZONE]);
    const provider = world.open();
    const zone = await provider.zone(ZONE, soon());
    const alias = record(APP, 'CNAME', 'gateway.example.net');
    const addresses = [record(APP, 'A', '192.0.2.1'), record(APP, 'AAAA', '2001:db8::1')];
    const [a, aaaa] = await provider.apply(zone, create(...addresses), soon());
    assert.ok(a && aaaa);
    const [made] = await provider.apply(
      zone,
      [...remove(aaaa), { action: 'replace', record: alias, replaced: a }],
      soon(),
    );
    assertSame(await readRecords(provider, zone, APP), [alias]);
    assert.ok(made);
    await provider.apply(zone, [...remove(made), ...create(...addresses)], soon());
    assertSame(await readRecords(provider, zone, APP), addresses);
  });

  test('apply() adds CAA and TXT beside a CNAME, if the provider accepts them', async () => {
    await using world = await setup([ZONE]);
    const provider = world.open();
    if (!provider.capabilities.cnameBesideOthers) return;
    const zone = await provider.zone(ZONE, soon());
    const wanted = types.slice(2).map(([type, value]) => record(APP, type, value));
    await provider.apply(zone, create(...wanted), soon());
    assertSame(await readRecords(provider, zone, APP), wanted);
  });

  for (const seconds of [1, 30, 60, 299, 300, 3600, 86_400, 1_000_000]) {
    test(`a TTL of ${seconds} becomes what normalizeTtl() returns, and stays so`, async () => {
      await using world = await setup([ZONE]);
      const provider = world.open();
      const zone = await provider.zone(ZONE, soon());
      const ttl = provider.capabilities.normalizeTtl(seconds);
      assert.equal(provider.capabilities.normalizeTtl(ttl), ttl);
      const expected = [record(APP, 'TXT', 'value', ttl)];
      assertSame(await provider.apply(zone, create(record(APP, 'TXT', 'value', seconds)), soon()), expected);
      assertSame(await readRecords(provider, zone, APP), expected);
    });
  }

  test('apply() leaves unrelated records the same, byte by byte', async () => {
    await using world = await setup([ZONE]);
    world.plantStrangers(ZONE, [ZONE, APP, CHALLENGE]);
    const provider = world.open();
    const zone = await provider.zone(ZONE, soon());
    const before = world.snapshot(ZONE);
    const wanted: DnsRecord[] = [
      record(APP, 'CAA', '0 issue "ca.example"'),
      record(CHALLENGE, 'TXT', 'value'),
    ];
    const made = await provider.apply(zone, create(...wanted), soon());
    assert.equal(world.snapshot(ZONE).length, before.length + wanted.length);
    await provider.apply(zone, remove(...made), soon());
    assert.deepEqual(world.snapshot(ZONE), before);
  });

  test('apply() without changes makes no call', async () => {
    await using world = await setup([ZONE]);
    const provider = world.open();
    const zone = await provider.zone(ZONE, soon());
    world.resetCalls();
    assert.deepEqual(await provider.apply(zone, [], soon()), []);
    assert.deepEqual(world.calls(), { reads: 0, writes: 0 });
  });

  test('apply() writes at the apex, beside existing records', async () => {
    await using world = await setup([ZONE]);
    const spf = record(ZONE, 'TXT', 'v=spf1 -all');
    world.plant(ZONE, spf);
    const provider = world.open();
    const zone = await provider.zone(ZONE, soon());
    const wanted = [
      record(ZONE, 'A', '192.0.2.1'),
      record(ZONE, 'AAAA', '2001:db8::1'),
      record(ZONE, 'CAA', '0 issuewild "letsencrypt.org;validationmethods=dns-01"'),
      record(`_acme-challenge.${ZONE}`, 'TXT', 'BEEFbeef-_0123'),
      record(`*.${ZONE}`, 'CNAME', 'target.example.net'),
    ];
    const made = await provider.apply(zone, create(...wanted), soon());
    assertSame(await readRecords(provider, zone, ZONE, `_acme-challenge.${ZONE}`, `*.${ZONE}`), [
      spf,
      ...wanted,
    ]);
    await provider.apply(zone, remove(...made), soon());
    assertSame(await readRecords(provider, zone, ZONE, `_acme-challenge.${ZONE}`, `*.${ZONE}`), [spf]);
  });
}
