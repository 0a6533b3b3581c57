import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Change, CurrentRecord } from '../../src/dns/record.ts';
import { actBefore, begin } from './linode-support.ts';
import { assertSame, create, failure, readRecords, record, remove, soon } from './support.ts';

const ZONE = 'example.com';
const APP = 'app.example.com';
const CHALLENGE = '_acme-challenge.app.example.com';
const TXT = record(APP, 'TXT', 'value');

describe('Linode: records', { concurrency: true }, () => {
  test('reads every spelling in the domain canonically', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    simulator.addRecord(ZONE, { type: 'CNAME', name: 'App', target: 'Gateway.Example.NET' });
    simulator.addRecord(ZONE, { type: 'A', name: 'Www.Example.com', target: '192.0.2.1', ttl_sec: 30 });
    simulator.addRecord(ZONE, { type: 'CAA', name: '', tag: 'issue', target: 'ca.example', ttl_sec: 300 });
    simulator.addRecord(ZONE, { type: 'TXT', name: '', target: '"quoted"', ttl_sec: 120 });
    const zone = await provider.zone(ZONE, soon());
    assertSame(await readRecords(provider, zone, ZONE, APP, 'www.example.com'), [
      record(APP, 'CNAME', 'gateway.example.net', 86_400),
      record('www.example.com', 'A', '192.0.2.1', 30),
      record(ZONE, 'CAA', '0 issue "ca.example"', 300),
      record(ZONE, 'TXT', '"quoted"', 120),
    ]);
  });

  test('a record without a TTL of its own has its domain’s TTL', async () => {
    await using begun = await begin({ zones: [] });
    begun.simulator.addDomain(ZONE, { ttlSec: 7200 });
    begun.simulator.addRecord(ZONE, { type: 'TXT', name: 'app', target: 'value' });
    const zone = await begun.provider.zone(ZONE, soon());
    assertSame(await readRecords(begun.provider, zone, APP), [record(APP, 'TXT', 'value', 7200)]);
    assertSame(await begun.open().records(zone, [APP], soon()), [record(APP, 'TXT', 'value', 86_400)]);
  });

  for (const [what, length] of [
    ['loses its last page', 501],
    ['has its pages split elsewhere', 502],
  ] as const) {
    test(`a domain that ${what} during a read is an error, not a short list`, async () => {
      await using begun = await begin();
      const { simulator, provider } = begun;
      const planted = Array.from({ length }, (_, index) =>
        simulator.addRecord(ZONE, { type: 'TXT', name: `n${index}`, target: 'x' }),
      );
      const remove = () => simulator.domain(ZONE).delete(planted[0]?.id ?? 0);
      actBefore(simulator, ({ query }) => query.get('page') === '2', remove);
      const zone = await provider.zone(ZONE, soon());
      const name = `n${length - 1}.example.com`;
      await failure(provider.records(zone, [name], soon()), 'PROVIDER_CONFLICT');
      assert.equal((await readRecords(provider, zone, name)).length, 1);
    });
  }

  test('CAA flags that Linode would drop are refused before anything is written', async () => {
    await using begun = await begin();
    const { provider, simulator } = begun;
    const zone = await provider.zone(APP, soon());
    simulator.resetCalls();
    const critical = record(APP, 'CAA', '128 issue "ca.example"');
    const error = await failure(provider.apply(zone, create(TXT, critical), soon()), 'PROVIDER_REJECTED');
    const described = 'app.example.com CAA 128 issue "ca.example"';
    assert.deepEqual(error.details, { reason: 'caa-flags', record: described });
    assert.equal(simulator.calls.length, 0);
  });

  test('a name outside the domain is refused before anything is written', async () => {
    await using begun = await begin();
    const zone = await begun.provider.zone(APP, soon());
    const changes = create(TXT, record('app.example.net', 'TXT', 'x'));
    await failure(begun.provider.apply(zone, changes, soon()), 'ZONE_MISMATCH');
    assert.deepEqual(begun.simulator.recordsOf(ZONE), []);
  });

  test('the error for a refused value has the API’s message and the record', async () => {
    await using begun = await begin();
    const zone = await begun.provider.zone(APP, soon());
    const bad = create(record(APP, 'A', 'not an address'));
    const error = await failure(begun.provider.apply(zone, bad, soon()), 'PROVIDER_REJECTED');
    assert.match(error.message, /target: Must be a valid IPv4 address/);
    assert.deepEqual(error.details, { status: 400, records: ['app A'] });
  });

  test('the domain itself is never written, and its records only by id', async () => {
    await using begun = await begin();
    const { provider, simulator } = begun;
    const zone = await provider.zone(APP, soon());
    const [made] = await provider.apply(zone, create(TXT), soon());
    await provider.apply(zone, remove(made ?? TXT), soon());
    const written = simulator.calls.filter(({ kind }) => kind === 'write').map(({ path }) => path);
    assert.deepEqual(written, [`/domains/${zone.id}/records`, `/domains/${zone.id}/records/${made?.handle}`]);
  });
});

describe('Linode: conflicts', { concurrency: true }, () => {
  const alias = record(APP, 'CNAME', 'gateway.example.net');

  for (const [what, planted, wanted] of [
    ['a CNAME beside a TXT record', { type: 'TXT', name: 'app', target: 'x' }, alias],
    ['a TXT record beside a CNAME', { type: 'CNAME', name: 'app', target: 'x.example' }, TXT],
  ] as const) {
    test(`${what} that the plan does not remove is refused, and nothing is written`, async () => {
      await using begun = await begin();
      const { provider, simulator } = begun;
      simulator.addRecord(ZONE, planted);
      const zone = await provider.zone(APP, soon());
      const changes = create(record(CHALLENGE, 'TXT', 'x'), wanted);
      const error = await failure(provider.apply(zone, changes, soon()), 'PROVIDER_REJECTED');
      assert.deepEqual(error.details, {
        record: `${APP} ${wanted.type} ${wanted.value}`,
        beside: `${APP} ${planted.type} ${planted.target}`,
      });
      assert.equal(simulator.recordsOf(ZONE).length, 1);
    });
  }

  test('the API’s error reports a record that appeared after the read', async () => {
    await using begun = await begin();
    const { provider, simulator } = begun;
    const zone = await provider.zone(APP, soon());
    const intrude = () => void simulator.addRecord(ZONE, { type: 'TXT', name: 'app', target: 'x' });
    actBefore(simulator, ({ method }) => method === 'POST', intrude);
    const error = await failure(provider.apply(zone, create(alias), soon()), 'PROVIDER_CONFLICT');
    assert.match(error.message, /CNAMES must be unique/);
  });

  test('a record that another client changed meanwhile is neither removed nor replaced', async () => {
    await using begun = await begin();
    const { provider, simulator } = begun;
    const zone = await provider.zone(APP, soon());
    const [mine, other] = await provider.apply(zone, create(TXT, record(APP, 'TXT', 'other')), soon());
    assert.ok(mine?.handle && other?.handle);
    simulator.domain(ZONE).put(Number(mine.handle), { target: 'theirs' });
    simulator.domain(ZONE).put(Number(other.handle), { target: 'theirs too' });
    const changes: Change[] = [...remove(mine), { action: 'replace', record: TXT, replaced: other }];
    await provider.apply(zone, changes, soon());
    const values = (await readRecords(provider, zone, APP)).map(({ value }) => value);
    assert.deepEqual(values.sort(), ['theirs', 'theirs too', 'value']);
  });

  for (const [what, method, change] of [
    ['removed', 'DELETE', (current: CurrentRecord): Change => ({ action: 'remove', removed: current })],
    [
      'replaced',
      'PUT',
      (current: CurrentRecord): Change => ({
        action: 'replace',
        record: record(APP, 'TXT', 'new'),
        replaced: current,
      }),
    ],
  ] as const) {
    test(`a record may disappear while it is ${what}`, async () => {
      await using begun = await begin();
      const { provider, simulator } = begun;
      const zone = await provider.zone(APP, soon());
      const [made] = await provider.apply(zone, create(TXT), soon());
      assert.ok(made);
      const steal = () => simulator.domain(ZONE).delete(Number(made.handle));
      actBefore(simulator, (call) => call.method === method, steal);
      const writing = provider.apply(zone, [change(made)], soon());
      if (method === 'PUT') await failure(writing, 'PROVIDER_CONFLICT');
      else assert.deepEqual(await writing, []);
    });
  }

  test('a lost response leaves no duplicate', async () => {
    await using begun = await begin();
    const { provider, simulator } = begun;
    const zone = await provider.zone(APP, soon());
    const written = { kind: 'reset', executed: true } as const;
    simulator.failWhen(({ method }) => method === 'POST', written, 1);
    await failure(provider.apply(zone, create(TXT), soon()), 'PROVIDER_UNREACHABLE');
    assertSame(await provider.apply(zone, create(TXT), soon()), [TXT]);
    assert.equal(simulator.recordsOf(ZONE).length, 1);
  });

  test('two concurrent calls with the same change make it once', async () => {
    await using begun = await begin();
    const { provider, simulator } = begun;
    const zone = await provider.zone(APP, soon());
    await Promise.all([1, 2].map(() => provider.apply(zone, create(TXT), soon())));
    assert.equal(simulator.recordsOf(ZONE).length, 1);
  });

  test('another client’s duplicates are told apart by their ids', async () => {
    await using begun = await begin();
    const { provider, simulator } = begun;
    for (let count = 0; count < 2; count += 1) {
      simulator.addRecord(ZONE, { type: 'TXT', name: 'app', target: 'value', ttl_sec: 3600 });
    }
    const zone = await provider.zone(APP, soon());
    const [, second] = await readRecords(provider, zone, APP);
    assert.ok(second);
    await provider.apply(zone, [...create(TXT), ...remove(second)], soon());
    assert.deepEqual(
      simulator.recordsOf(ZONE).map(({ id }) => String(id) === second.handle),
      [false],
    );
  });
});
