import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { APP, aliasSet, begin, CHALLENGE, kinds, txtSet, weightedSet, ZONE } from './route53-support.ts';
import { assertSame, failure, readRecords, record, soon } from './support.ts';

describe('Route 53: zones', { concurrency: true }, () => {
  test('private zones are ignored, even the longest', async () => {
    await using begun = await begin();
    begun.simulator.addZone(APP, true);
    assert.equal((await begun.provider.zone(`x.${APP}`, soon())).name, ZONE);
  });

  test('a zone beyond the first page of the account is found', async () => {
    await using begun = await begin({
      zones: Array.from({ length: 101 }, (_, index) => `zone${index}.example`),
    });
    assert.equal((await begun.provider.zone('x.zone100.example', soon())).name, 'zone100.example');
    assert.equal(begun.simulator.calls.length, 2);
  });

  test('of two zones with the same name only the configured one is used', async () => {
    await using begun = await begin({ zones: [ZONE, ZONE, 'example.net'] });
    const error = await failure(begun.provider.zone(APP, soon()), 'ZONE_NOT_FOUND');
    const { reason, zone, ids } = error.details;
    assert.deepEqual([reason, zone], ['several-zones', ZONE]);
    assert.ok(Array.isArray(ids) && ids.length === 2 && ids.includes(begun.simulator.zoneId(ZONE)));
    assert.equal((await begun.provider.zone('example.net', soon())).name, 'example.net');
    const hostedZoneId = begun.simulator.zoneId(ZONE);
    assert.equal((await begun.open({ hostedZoneId }).zone(APP, soon())).id, hostedZoneId);
  });

  test('a zone that the API no longer knows is looked up again', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    const zone = await provider.zone(APP, soon());
    simulator.refuseNext(404, 'NoSuchHostedZone', 'No hosted zone found with ID: Z1');
    await failure(provider.records(zone, [APP], soon()), 'ZONE_NOT_FOUND');
    simulator.resetCalls();
    await provider.zone(APP, soon());
    assert.deepEqual(kinds(begun), ['read']);
  });

  test('the name of a configured zone is read without permission to list zones, and checked', async () => {
    await using begun = await begin();
    const { simulator } = begun;
    const hostedZoneId = simulator.zoneId(ZONE);
    const grants = { listZones: false, zones: { [hostedZoneId]: { read: true, write: true } } };
    simulator.plant(ZONE, { Name: `${ZONE}.`, Type: 'A', TTL: 60, values: ['192.0.2.1'] });
    simulator.plant(ZONE, txtSet(`\\052.${ZONE}`, ['x']));
    const provider = begun.open({ hostedZoneId }, simulator.addUser(grants));
    await provider.check(soon());
    simulator.resetCalls();
    assert.deepEqual(await provider.zone(APP, soon()), { id: hostedZoneId, name: ZONE });
    const error = await failure(provider.zone('app.example.net', soon()), 'ZONE_MISMATCH');
    const { variable, zone, name } = error.details;
    assert.deepEqual([variable, zone, name], ['AWS_HOSTED_ZONE_ID', ZONE, 'app.example.net']);
    assert.equal(simulator.calls.length, 1);
    const unknown = begun.open({ hostedZoneId: 'ZUNKNOWN' }).zone(APP, soon());
    assert.equal((await failure(unknown, 'ZONE_NOT_FOUND')).details['code'], 'NoSuchHostedZone');
  });
});

describe('Route 53: records', { concurrency: true }, () => {
  test('reads every spelling in the zone canonically', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    const Name = `${APP}.`;
    simulator.plant(ZONE, {
      Name,
      Type: 'TXT',
      TTL: 5,
      values: ['"two " "strings"', '"a \\"b\\" \\134 \\303\\251"'],
    });
    simulator.plant(ZONE, { Name, Type: 'AAAA', TTL: 6, values: ['2001:DB8:0:0:0:0:0:1'] });
    simulator.plant(ZONE, { Name, Type: 'CAA', TTL: 7, values: ['0 ISSUE "ca.example"'] });
    simulator.plant(ZONE, { Name, Type: 'NS', TTL: 8, values: ['ns.example.net'] });
    simulator.plant(ZONE, {
      Name: `\\052.${Name}`,
      Type: 'CNAME',
      TTL: 9,
      values: ['\\052.Target.Example.NET.'],
    });
    const current = await readRecords(provider, await provider.zone(APP, soon()), APP, `*.${APP}`);
    assertSame(current, [
      record(APP, 'TXT', 'two strings', 5),
      record(APP, 'TXT', 'a "b" \\ é', 5),
      record(APP, 'AAAA', '2001:db8::1', 6),
      record(APP, 'CAA', '0 issue "ca.example"', 7),
      record(APP, 'NS', 'ns.example.net', 8),
      record(`*.${APP}`, 'CNAME', '*.target.example.net', 9),
    ]);
  });

  test('reports aliases and RRsets with a routing policy as overridden', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    simulator.plant(ZONE, aliasSet(APP));
    simulator.plant(ZONE, weightedSet(APP, 'AAAA', 'blue', ['2001:DB8::1', '2001:db8::2']));
    const current = await readRecords(provider, await provider.zone(APP, soon()), APP);
    const target = 'ALIAS dualstack.lb.us-east-1.elb.amazonaws.com';
    const weighted = {
      name: APP,
      type: 'AAAA',
      ttl: 60,
      overriddenBy: 'route53-routing-policy',
      handle: `${APP} AAAA blue`,
    };
    assert.deepEqual(current, [
      { name: APP, type: 'A', value: target, ttl: 60, handle: `${APP} A`, overriddenBy: 'route53-alias' },
      { ...weighted, value: '2001:db8::1' },
      { ...weighted, value: '2001:db8::2' },
    ]);
  });

  test('in a large zone adjacent names cost one call, and distant ones one each', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    for (let index = 0; index < 700; index += 1) simulator.plant(ZONE, txtSet(`n${index}.${ZONE}`, ['x']));
    const names = [APP, CHALLENGE, `zzz.${ZONE}`, `*.${ZONE}`, ZONE];
    const expected = names.map((name) => record(name, 'TXT', 'x'));
    for (const name of names) simulator.plant(ZONE, txtSet(name.replace('*', '\\052'), ['x']));
    const zone = await provider.zone(APP, soon());
    simulator.resetCalls();
    assertSame(await readRecords(provider, zone, APP, CHALLENGE, `_none.${APP}`), expected.slice(0, 2));
    assert.equal(simulator.calls.length, 1);
    assertSame(await readRecords(provider, zone, ...names), expected);
    assert.equal(simulator.calls.length, 3);
  });

  test('a name whose RRsets continue on the next page is read completely', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    for (let index = 0; index < 640; index += 1) {
      simulator.plant(ZONE, weightedSet(APP, 'A', `set${index}`, [`192.0.2.${index % 256}`]));
    }
    simulator.plant(ZONE, txtSet(APP, ['x']));
    const zone = await provider.zone(APP, soon());
    simulator.resetCalls();
    assert.equal((await readRecords(provider, zone, APP, `b.${ZONE}`)).length, 641);
    assert.equal(simulator.calls.length, 3);
  });
});
