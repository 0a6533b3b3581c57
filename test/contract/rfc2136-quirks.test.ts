import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ttlUnchanged } from '../../providers/rfc2136/provider.ts';
import { systemClock, until } from '../../src/clock.ts';
import type { Change } from '../../src/dns/record.ts';
import { createTestContext } from '../harness/dns/provider-context.ts';
import { bind } from '../world/dns/bind-primary.ts';
import { begin } from './rfc2136-begin.ts';
import { openAt } from './rfc2136-world.ts';
import { assertSame, create, failure, readRecords, record, remove, soon } from './support.ts';

const ZONE = 'example.com';
const APP = 'app.example.com';
const CHALLENGE = '_acme-challenge.app.example.com';
const ALIAS = record(APP, 'CNAME', 'gateway.example.net', 60);
const ADDRESS = record(APP, 'A', '192.0.2.1', 60);

describe('RFC 2136: zones', () => {
  test('a CNAME or a wildcard at the name does not hide the zone', async () => {
    await using begun = await begin();
    begun.primary.plant(ZONE, `add ${APP}. 60 IN CNAME x.elsewhere.example.`);
    begun.primary.plant(ZONE, `add *.${ZONE}. 60 IN CNAME x.elsewhere.example.`);
    assert.equal((await begun.provider.zone(APP, soon())).name, ZONE);
    assert.equal((await openAt(begun.primary).zone(`a.b.${ZONE}`, soon())).name, ZONE);
  });

  test('a delegated name is not written, and its zone is looked up', async () => {
    await using begun = await begin();
    const { primary, provider, zone } = begun;
    await provider.zone(ZONE, soon());
    primary.plant(ZONE, `add ${CHALLENGE}. 60 IN NS ns.elsewhere.example.`);
    const change = create(record(CHALLENGE, 'TXT', 'value'));
    const error = await failure(provider.apply(zone, change, soon()), 'ZONE_NOT_FOUND');
    assert.deepEqual(error.details, { zone: ZONE, cut: CHALLENGE, name: CHALLENGE });
    assertSame(await readRecords(provider, zone, APP), []);
    await failure(provider.zone(CHALLENGE, soon()), 'ZONE_NOT_FOUND');
    primary.addZone(CHALLENGE);
    assert.equal((await provider.zone(CHALLENGE, soon())).name, CHALLENGE);
    assert.equal((await provider.zone(APP, soon())).name, ZONE);
  });

  test('a configured zone needs no query to find it, and is checked', async () => {
    await using begun = await begin();
    const provider = openAt(begun.primary, begun.primary.key, { zone: ZONE });
    assert.deepEqual(await provider.zone(APP, soon()), { id: ZONE, name: ZONE });
    const error = await failure(provider.zone('app.example.net', soon()), 'ZONE_MISMATCH');
    assert.deepEqual(error.details, {
      ...{ nameInDoubt: true, variable: 'RFC2136_ZONE', zone: ZONE, name: 'app.example.net' },
    });
    assert.equal(begun.primary.front.calls.length, 0);
  });

  test('a name outside the zone is not written', async () => {
    await using begun = await begin();
    const change = create(record('app.example.net', 'TXT', 'value'));
    await failure(begun.provider.apply(begun.zone, change, soon()), 'ZONE_MISMATCH');
  });
});

describe('RFC 2136: records', () => {
  test('a record that a wildcard synthesizes is not read', async () => {
    await using begun = await begin();
    begun.primary.plant(ZONE, `add *.${ZONE}. 60 IN CNAME gateway.example.net.`);
    assertSame(await readRecords(begun.provider, begun.zone, APP), []);
  });

  test('the SOA and NS records of the zone are ignored', async () => {
    await using begun = await begin();
    assertSame(await readRecords(begun.provider, begun.zone, ZONE), []);
  });

  test('a zone of many messages is read and verified completely', async () => {
    await using begun = await begin();
    const text = 'x'.repeat(250);
    const lines = Array.from({ length: 1000 }, (_, at) => `add n${at}.${ZONE}. 60 IN TXT "${at}" "${text}"`);
    begun.primary.plant(ZONE, ...lines);
    assertSame(await readRecords(begun.provider, begun.zone, `n999.${ZONE}`), [
      record(`n999.${ZONE}`, 'TXT', `999${text}`, 60),
    ]);
  });

  test('TXT is removed however it is split into strings', async () => {
    await using begun = await begin();
    begun.primary.plant(ZONE, `add ${CHALLENGE}. 60 IN TXT "a" "bc"`, `add ${CHALLENGE}. 60 IN TXT "stays"`);
    await begun.provider.apply(begun.zone, remove(record(CHALLENGE, 'TXT', 'abc')), soon());
    assertSame(await readRecords(begun.provider, begun.zone, CHALLENGE), [
      record(CHALLENGE, 'TXT', 'stays', 60),
    ]);
  });

  test('unchanged records keep their TTL, and the new one gets it', async () => {
    await using begun = await begin();
    const { primary, provider, zone } = begun;
    primary.plant(ZONE, `add ${CHALLENGE}. 900 IN TXT "theirs"`);
    const ours = record(CHALLENGE, 'TXT', 'ours', 900);
    assertSame(await provider.apply(zone, create({ ...ours, ttl: 60 }), soon()), [ours]);
    assertSame(await readRecords(provider, zone, CHALLENGE), [ours, record(CHALLENGE, 'TXT', 'theirs', 900)]);
  });

  test('a signed zone returns only its own records, and accepts a CNAME', async () => {
    const access = [
      'allow-transfer { key "dstack-ingress"; key "behind"; }',
      'update-policy { grant "dstack-ingress" zonesub ANY; grant "behind" zonesub ANY; }',
      'dnssec-policy default',
    ];
    await using begun = await begin({ start: bind({ access }) });
    const { primary, provider, zone } = begun;
    const signed = () => primary.recordsOf(ZONE).some((line) => line.includes('NSEC')) || undefined;
    assert.ok(await until(signed, { clock: systemClock, timeoutMs: 10_000, everyMs: 50 }));
    const [made] = await provider.apply(zone, create(ADDRESS), soon());
    assert.ok(made);
    assertSame(await readRecords(provider, zone, APP), [ADDRESS]);
    await provider.apply(zone, [{ action: 'replace', record: ALIAS, replaced: made }], soon());
    assertSame(await readRecords(provider, zone, APP), [ALIAS]);
  });
});

describe('RFC 2136: a TTL that the server does not change', () => {
  const old = { ...ADDRESS, ttl: 3600 };
  const changes = [{ action: 'replace', record: ADDRESS, replaced: old }] as const;

  /** A primary that restores the address's old TTL after each of its first updates. */
  async function beginWith(updates: number) {
    const begun = await begin();
    const { primary } = begun;
    primary.plant(ZONE, `add ${APP}. 3600 IN A ${ADDRESS.value}`);
    let left = updates;
    primary.front.onWritten = async () => {
      left -= 1;
      if (left < 0) return;
      primary.plant(ZONE, `del ${APP}. A`, `add ${APP}. 3600 IN A ${ADDRESS.value}`);
      await primary.ready();
    };
    const context = createTestContext();
    return { ...begun, context, provider: openAt(primary, primary.key, {}, context) };
  }

  test('Knot 3.5 changes no TTL within one message: the record is removed in one and added in the next', async () => {
    await using begun = await beginWith(1);
    const { primary, provider, zone, context } = begun;
    assertSame(await provider.apply(zone, changes, soon()), [ADDRESS]);
    assertSame(await readRecords(provider, zone, APP), [ADDRESS]);
    const { calls } = primary.front;
    assert.equal(calls.filter((kind) => kind === 'write').length, 3);
    assert.deepEqual(context.warnings, []);
  });

  test('a server that never changes it causes one warning, and is not retried', async () => {
    await using begun = await beginWith(Number.POSITIVE_INFINITY);
    const { primary, provider, zone, context } = begun;
    await provider.apply(zone, changes, soon());
    assert.ok(primary.recordsOf(ZONE).some((line) => /^app\S+\s+3600\s/.test(line)));
    const unchanged = ttlUnchanged({ name: APP, type: 'A', current: 3600, wanted: 60 });
    assert.deepEqual(context.warnings, [unchanged]);
    assertSame(await readRecords(provider, zone, APP), [ADDRESS]);
  });
});

describe('RFC 2136: changes that a server would silently ignore', () => {
  const [alias, theirs] = [`${APP} CNAME ${ALIAS.value}`, `${APP} CNAME theirs.example.net`];
  const [text, address] = [`${APP} TXT theirs`, `${APP} A ${ADDRESS.value}`];
  interface Refusal {
    readonly record: string;
    readonly beside: string;
    /** The one of them that is in the zone. */
    readonly obstacle: string;
  }
  const cases: readonly (readonly [what: string, planted: string, changes: Change[], details: Refusal])[] = [
    [
      'a CNAME beside a TXT record',
      `add ${APP}. 60 IN TXT "theirs"`,
      create(ALIAS),
      { record: alias, beside: text, obstacle: text },
    ],
    [
      'an address beside a CNAME',
      `add ${APP}. 60 IN CNAME theirs.example.net.`,
      create(ADDRESS),
      { record: theirs, beside: address, obstacle: theirs },
    ],
    [
      'a second CNAME',
      `add ${APP}. 60 IN CNAME theirs.example.net.`,
      create(ALIAS),
      { record: theirs, beside: alias, obstacle: theirs },
    ],
    [
      'a CNAME at the apex',
      `add x.${ZONE}. 60 IN A 192.0.2.9`,
      create({ ...ALIAS, name: ZONE }),
      { record: `${ZONE} CNAME ${ALIAS.value}`, beside: `${ZONE} SOA`, obstacle: `${ZONE} SOA` },
    ],
  ];
  for (const [what, planted, changes, details] of cases) {
    test(`${what} is refused before it is written`, async () => {
      await using begun = await begin();
      begun.primary.plant(ZONE, planted);
      const error = await failure(begun.provider.apply(begun.zone, changes, soon()), 'PROVIDER_REJECTED');
      const withoutSerial = Object.entries(error.details).map(([key, shown]) => [
        key,
        String(shown).replace(/ SOA .*/, ' SOA'),
      ]);
      assert.deepEqual(Object.fromEntries(withoutSerial), details);
      assert.deepEqual(begun.primary.front.calls, ['read']);
    });
  }

  const others: readonly (readonly [what: string, changes: Change[], line: string])[] = [
    ['a record at a free name', create(ALIAS), `add ${APP}. 60 IN TXT "theirs"`],
    ['a CNAME at a free name', create(ADDRESS), `add ${APP}. 60 IN CNAME theirs.example.net.`],
    ['another address', [...remove(ADDRESS), ...create(ALIAS)], `add ${APP}. 60 IN A 192.0.2.2`],
    ['another type', [...remove(ADDRESS), ...create(ALIAS)], `add ${APP}. 60 IN MX 1 mx.example.net.`],
  ];
  for (const [what, changes, line] of others) {
    test(`${what} that another client writes meanwhile is a conflict, and nothing is written`, async () => {
      await using begun = await begin();
      const { primary, provider, zone } = begun;
      if (changes.length > 1) primary.plant(ZONE, `add ${APP}. 60 IN A 192.0.2.1`);
      primary.front.onMessage = (kind) => {
        if (kind === 'write') primary.plant(ZONE, line);
      };
      const before = await readRecords(provider, zone, APP);
      await failure(
        provider.apply(zone, [...changes, ...create(record(CHALLENGE, 'TXT', 'x'))], soon()),
        'PROVIDER_CONFLICT',
      );
      assert.equal((await readRecords(provider, zone, APP)).length, before.length + 1);
      assertSame(await readRecords(provider, zone, CHALLENGE), []);
    });
  }

  test('existing records cost a read and no write', async () => {
    await using begun = await begin();
    await begun.provider.apply(begun.zone, create(ALIAS), soon());
    begun.primary.front.resetCalls();
    assertSame(await begun.provider.apply(begun.zone, create(ALIAS), soon()), [ALIAS]);
    assert.deepEqual(begun.primary.front.calls, ['read']);
  });
});
