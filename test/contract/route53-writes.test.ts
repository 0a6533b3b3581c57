import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Change } from '../../src/dns/record.ts';
import { plan } from '../../src/records/plan.ts';
import {
  APP,
  aliasSet,
  begin,
  CHALLENGE,
  kinds,
  txtSet,
  valuesOf,
  weightedSet,
  ZONE,
} from './route53-support.ts';
import { assertSame, create, failure, readRecords, record, remove, soon } from './support.ts';

const TXT = record(APP, 'TXT', 'value');

describe('Route 53: writes', { concurrency: true }, () => {
  test('a certificate costs one call for each step, and needs only the documented permissions', async () => {
    await using begun = await begin();
    const { simulator } = begun;
    const names = [APP, CHALLENGE, `_dstack-app-address.${APP}`];
    const actions = ['CREATE', 'DELETE'];
    const recordTypes = ['A', 'AAAA', 'CNAME', 'CAA', 'TXT'];
    const zones = { [simulator.zoneId(ZONE)]: { read: true, write: true } };
    const provider = begun.open({}, simulator.addUser({ zones, recordNames: names, recordTypes, actions }));
    const zone = await provider.zone(APP, soon());
    simulator.plant(ZONE, { Name: `${APP}.`, Type: 'CNAME', TTL: 300, values: ['old.example.net'] });
    const desired = [
      { purpose: 'alias', ...record(APP, 'A', '192.0.2.1', 60) },
      { purpose: 'app-address', ...record(`_dstack-app-address.${APP}`, 'TXT', 'id:443', 60) },
      { purpose: 'caa', ...record(APP, 'CAA', '0 issue "ca.example"', 60) },
    ] as const;
    const { changes } = plan(desired, await provider.records(zone, names, soon()));
    await provider.apply(zone, changes, soon());
    await provider.settled?.(zone, soon());
    const [challenge] = await provider.apply(zone, create(record(CHALLENGE, 'TXT', 'token', 60)), soon());
    await provider.settled?.(zone, soon());
    assert.ok(challenge);
    await provider.apply(zone, remove(challenge), soon());
    assert.deepEqual(kinds(begun), ['read', 'read', 'write', 'read', 'write', 'read', 'write']);
    assertSame(await readRecords(provider, zone, ...names), desired);
  });

  test('a value that another client added meanwhile is not lost', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    const zone = await provider.zone(APP, soon());
    await provider.apply(zone, create(TXT), soon());
    simulator.plant(ZONE, txtSet(APP, ['value', 'theirs']));
    simulator.resetCalls();
    const other = record(APP, 'TXT', 'other');
    assertSame(await provider.apply(zone, [...create(other), ...remove(TXT)], soon()), [other]);
    assert.deepEqual(kinds(begun), ['write', 'read', 'write']);
    assert.deepEqual(valuesOf(begun, APP, 'TXT'), ['"theirs"', '"other"']);
  });

  test('if another client keeps writing, the write fails as a conflict', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    simulator.plant(ZONE, txtSet(APP, ['theirs']));
    const words =
      "[Tried to create resource record set [name='app.example.com.', type='TXT'] but it already exists]";
    for (const _ of [1, 2]) simulator.refuseNext(400, 'InvalidChangeBatch', words, 'write');
    const zone = await provider.zone(APP, soon());
    const error = await failure(provider.apply(zone, create(TXT), soon()), 'PROVIDER_CONFLICT');
    const { code, records: written } = error.details;
    assert.deepEqual([code, written], ['InvalidChangeBatch', [`${APP} TXT`]]);
    assert.match(error.message, /already exists/);
    assert.deepEqual(kinds(begun), ['read', 'write', 'read', 'write']);
    await provider.apply(zone, create(TXT), soon());
    assert.deepEqual(valuesOf(begun, APP, 'TXT'), ['"theirs"', '"value"']);
  });

  test('a removal that the cache considers done is verified by a read', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    const zone = await provider.zone(APP, soon());
    await provider.apply(zone, create(TXT), soon());
    await provider.apply(zone, remove(TXT), soon());
    simulator.plant(ZONE, txtSet(APP, ['value']));
    await provider.apply(zone, remove(TXT), soon());
    assert.equal(valuesOf(begun, APP, 'TXT'), undefined);
  });

  test('values beside ours keep their spelling, and the RRset has one TTL', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    simulator.plant(ZONE, { Name: `${APP}.`, Type: 'TXT', TTL: 300, values: ['"a" "b"', '"\\101"'] });
    const zone = await provider.zone(APP, soon());
    const made = record(APP, 'TXT', 'é', 60);
    assertSame(await provider.apply(zone, create(made), soon()), [{ ...made, ttl: 300 }]);
    assert.deepEqual(valuesOf(begun, APP, 'TXT'), ['"a" "b"', '"\\101"', '"\\303\\251"']);
    assert.equal(simulator.setsOf(ZONE).find(({ Type }) => Type === 'TXT')?.TTL, 300);
  });

  test('more than 1000 values are split into several batches', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    const zone = await provider.zone(ZONE, soon());
    const records = Array.from({ length: 1001 }, (_, index) => record(`n${index}.${ZONE}`, 'A', '192.0.2.1'));
    simulator.resetCalls();
    assertSame(await provider.apply(zone, create(...records), soon()), records);
    assert.deepEqual(kinds(begun), ['write', 'write']);
  });

  test('the error for a refused value has the API’s message and the record, at once', async () => {
    await using begun = await begin();
    const zone = await begun.provider.zone(APP, soon());
    const bad = create(record(APP, 'A', 'not an address'));
    begun.simulator.resetCalls();
    const error = await failure(begun.provider.apply(zone, bad, soon()), 'PROVIDER_REJECTED');
    const { code, records: written } = error.details;
    assert.deepEqual([code, written], ['InvalidChangeBatch', [`${APP} A`]]);
    assert.match(error.message, /valid IPv4 address/);
    assert.deepEqual(kinds(begun), ['write']);
  });
});

describe('Route 53: records beside ours', { concurrency: true }, () => {
  const ALIAS = record(APP, 'CNAME', 'gateway.example.net', 60);

  test('a planned CNAME replaces a whole RRset with a routing policy', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    simulator.plant(ZONE, aliasSet(APP));
    for (const identifier of ['blue', 'green']) {
      simulator.plant(ZONE, weightedSet(APP, 'AAAA', identifier, ['2001:DB8::1', '2001:db8::2']));
    }
    const zone = await provider.zone(APP, soon());
    const { changes } = plan([{ purpose: 'alias', ...ALIAS }], await readRecords(provider, zone, APP));
    simulator.resetCalls();
    assertSame(await provider.apply(zone, changes, soon()), [ALIAS]);
    assert.deepEqual(kinds(begun), ['write']);
    assertSame(await readRecords(provider, zone, APP), [ALIAS]);
  });

  test('a weighted RRset with the desired value becomes a simple one', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    simulator.plant(ZONE, weightedSet(APP, 'CNAME', 'only', ['gateway.example.net']));
    const zone = await provider.zone(APP, soon());
    const { changes } = plan([{ purpose: 'alias', ...ALIAS }], await readRecords(provider, zone, APP));
    await provider.apply(zone, changes, soon());
    assert.deepEqual(await readRecords(provider, zone, APP), [{ ...ALIAS, handle: `${APP} CNAME` }]);
  });

  test('one of several values of an RRset with a routing policy is not removed alone, and none is added', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    simulator.plant(ZONE, weightedSet(APP, 'TXT', 'blue', ['"one"', '"two"']));
    const before = simulator.setsOf(ZONE);
    const zone = await provider.zone(APP, soon());
    const [one] = await readRecords(provider, zone, APP);
    assert.ok(one);
    const part = await failure(provider.apply(zone, remove(one), soon()), 'PROVIDER_REJECTED');
    const policy = 'route53-routing-policy';
    assert.deepEqual(part.details, { reason: 'part-of-policy', record: `${APP} TXT one`, policy });
    for (const opened of [provider, begun.open()]) {
      const joined = await failure(opened.apply(zone, create(TXT), soon()), 'PROVIDER_REJECTED');
      assert.deepEqual(joined.details, {
        ...{ reason: 'beside-policy', record: `${APP} TXT value`, policy, setIdentifier: 'blue' },
      });
    }
    assert.deepEqual(simulator.setsOf(ZONE), before);
  });

  test('addresses that appeared meanwhile are a conflict, which a new plan resolves', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    const zone = await provider.zone(APP, soon());
    simulator.plant(ZONE, { Name: `${APP}.`, Type: 'A', TTL: 60, values: ['192.0.2.1'] });
    await failure(provider.apply(zone, create(ALIAS), soon()), 'PROVIDER_CONFLICT');
    simulator.plant(ZONE, { Name: `www.${ZONE}.`, Type: 'CNAME', TTL: 60, values: ['a.example.net'] });
    const second: Change[] = create(record(`www.${ZONE}`, 'CNAME', 'b.example.net'));
    await failure(provider.apply(zone, second, soon()), 'PROVIDER_CONFLICT');
  });

  test('a record that no plan removes is reported, because a CNAME allows no other record', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    const zone = await provider.zone(APP, soon());
    simulator.plant(ZONE, { Name: `${APP}.`, Type: 'MX', TTL: 60, values: ['10 mx.example.net'] });
    const error = await failure(provider.apply(zone, create(ALIAS), soon()), 'PROVIDER_REJECTED');
    assert.deepEqual(error.details, { name: APP, type: 'CNAME', beside: ['MX'] });
  });
});
