import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openCloudflare } from '../../providers/cloudflare/provider.ts';
import { Secret } from '../../src/config/secret.ts';
import { createTestContext } from '../harness/dns/provider-context.ts';
import { type CloudflareOptions, createCloudflare } from '../world/apis/cloudflare.ts';
import { assertSame, create, failure, record, remove, soon } from './support.ts';

const APP = 'app.example.com';

async function begin(options: Partial<CloudflareOptions> = {}, zone?: string) {
  const simulator = await createCloudflare({ zones: ['example.com', 'example.net'], ...options });
  const zoneId = zone === undefined ? undefined : simulator.zoneId(zone);
  const open = (token = simulator.token) =>
    openCloudflare(
      { token: new Secret(token), zoneId, baseUrl: simulator.baseUrl, timeoutMs: 5000 },
      createTestContext(),
    );
  const dispose = () => simulator[Symbol.asyncDispose]();
  return { simulator, open, provider: open(), [Symbol.asyncDispose]: dispose };
}

const dnsOnly = { zones: { 'example.com': { dnsEdit: true }, 'example.net': { dnsEdit: true } } };
const TXT = record(APP, 'TXT', 'value');

describe('Cloudflare: zones', { concurrency: true }, () => {
  test('an active zone wins over a longer one that is not active', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    simulator.addZone(APP, 'pending');
    simulator.addZone('example.org', 'pending');
    assert.equal((await provider.zone(`x.${APP}`, soon())).name, 'example.com');
    assert.equal((await provider.zone('x.example.org', soon())).name, 'example.org');
  });

  test('a zone beyond the first page of the account is found', async () => {
    const zones = Array.from({ length: 101 }, (_, index) => `zone${index}.example`);
    await using begun = await begin({ zones });
    assert.equal((await begun.provider.zone('x.zone100.example', soon())).name, 'zone100.example');
    assert.equal(begun.simulator.calls.length, 3);
  });

  test('a zone that the API no longer knows is looked up again', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    const zone = await provider.zone(APP, soon());
    const gone = { kind: 'refusal', status: 404, code: 1001, message: 'Invalid zone identifier' } as const;
    simulator.failNext(gone);
    await failure(provider.records(zone, [APP], soon()), 'ZONE_NOT_FOUND');
    simulator.resetCalls();
    await provider.zone(APP, soon());
    assert.equal(simulator.calls.length, 1);
  });

  test('the error for a token that sees no zone names the missing permission', async () => {
    await using begun = await begin({ token: dnsOnly });
    const error = await failure(begun.provider.zone(APP, soon()), 'PROVIDER_PERMISSION_MISSING');
    assert.equal(error.details['permission'], 'Zone / Zone / Read');
  });
});

describe('Cloudflare: a configured zone', { concurrency: true }, () => {
  test('its name is read in one call, and checked', async () => {
    await using begun = await begin({}, 'example.com');
    const { simulator, provider } = begun;
    const expected = { id: simulator.zoneId('example.com'), name: 'example.com' };
    assert.deepEqual(await provider.zone(APP, soon()), expected);
    const error = await failure(provider.zone('app.example.net', soon()), 'ZONE_MISMATCH');
    const { variable, zone, name } = error.details;
    assert.deepEqual([variable, zone, name], ['CLOUDFLARE_ZONE_ID', 'example.com', 'app.example.net']);
    assert.equal(simulator.calls.length, 1);
  });

  test('a token that may only edit DNS records suffices', async () => {
    await using begun = await begin({ token: dnsOnly }, 'example.com');
    const zone = await begun.provider.zone(APP, soon());
    assert.equal(zone.name, undefined);
    assertSame(await begun.provider.apply(zone, create(TXT), soon()), [TXT]);
    assertSame(await begun.provider.records(zone, [APP], soon()), [TXT]);
  });

  test('a record that landed under a foreign name is removed again', async () => {
    await using begun = await begin({ token: dnsOnly }, 'example.net');
    const { simulator, provider } = begun;
    const zone = await provider.zone(APP, soon());
    const error = await failure(provider.apply(zone, create(TXT), soon()), 'ZONE_MISMATCH');
    const { name, created } = error.details;
    assert.deepEqual([name, created], [APP, `${APP}.example.net`]);
    assert.deepEqual(simulator.recordsOf('example.net'), []);
  });

  test('a zone that the token does not reach is a missing permission', async () => {
    await using begun = await begin(
      { token: { zones: { 'example.net': { dnsEdit: true } } } },
      'example.com',
    );
    const zone = await begun.provider.zone(APP, soon());
    const error = await failure(begun.provider.records(zone, [APP], soon()), 'PROVIDER_PERMISSION_MISSING');
    assert.equal(error.details['permission'], 'Zone / DNS / Edit');
  });
});

describe('Cloudflare: records', { concurrency: true }, () => {
  test('reads every spelling in the zone canonically', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    const plant = (name: string, type: string, content: string) =>
      simulator.addRecord('example.com', { name, type, content });
    plant('App.Example.com.', 'CNAME', 'Gateway.Example.NET.');
    plant(APP, 'TXT', 'not "quoted" at all');
    plant(APP, 'TXT', '"two " "strings"');
    plant(APP, 'TXT', '"a \\"b\\" \\\\ \\195\\169"');
    plant(APP, 'AAAA', '2001:DB8:0:0:0:0:0:1');
    plant(APP, 'CAA', '0 ISSUE "ca.example"');
    const current = await provider.records(await provider.zone(APP, soon()), [APP], soon());
    assertSame(current, [
      record(APP, 'CNAME', 'gateway.example.net', 300),
      record(APP, 'TXT', 'not "quoted" at all', 300),
      record(APP, 'TXT', 'two strings', 300),
      record(APP, 'TXT', 'a "b" \\ é', 300),
      record(APP, 'AAAA', '2001:db8::1', 300),
      record(APP, 'CAA', '0 issue "ca.example"', 300),
    ]);
  });

  test('reports a proxied record as overridden, and so the addresses beside it', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    simulator.addRecord('example.com', { name: APP, type: 'A', content: '192.0.2.1', proxied: true });
    simulator.addRecord('example.com', { name: APP, type: 'A', content: '192.0.2.2' });
    simulator.addRecord('example.com', { name: APP, type: 'TXT', content: '"value"' });
    const zone = await provider.zone(APP, soon());
    const current = await provider.records(zone, [APP], soon());
    const overridden = current.map(({ value, overriddenBy }) => [value, overriddenBy]);
    assert.deepEqual(overridden, [
      ['192.0.2.1', 'cloudflare-proxy'],
      ['192.0.2.2', 'cloudflare-proxy'],
      ['value', undefined],
    ]);
  });

  test('replacing a proxied record with itself turns the proxy off in place', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    const content = 'gateway.example.net';
    const { id } = simulator.addRecord('example.com', { name: APP, type: 'CNAME', content, proxied: true });
    const zone = await provider.zone(APP, soon());
    const [replaced] = await provider.records(zone, [APP], soon());
    assert.ok(replaced);
    const wanted = record(APP, 'CNAME', content, 60);
    const [made] = await provider.apply(zone, [{ action: 'replace', record: wanted, replaced }], soon());
    assert.deepEqual(made, { ...wanted, handle: id });
    assert.deepEqual(
      simulator.recordsOf('example.com').map(({ proxied, ttl }) => [proxied, ttl]),
      [[false, 60]],
    );
  });

  test('a written record has this program’s comment and is not proxied', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    const zone = await provider.zone(APP, soon());
    await provider.apply(zone, create(record(APP, 'A', '192.0.2.1'), TXT), soon());
    for (const { comment, proxied } of simulator.recordsOf('example.com')) {
      assert.deepEqual([comment, proxied], ['dstack-ingress', false]);
    }
  });
});

describe('Cloudflare: conflicts', { concurrency: true }, () => {
  test('an address that the plan does not remove is a conflict, and nothing of the batch is applied', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    simulator.addRecord('example.com', { name: APP, type: 'A', content: '192.0.2.1' });
    const zone = await provider.zone(APP, soon());
    const alias = record(APP, 'CNAME', 'gateway.example.net');
    const error = await failure(provider.apply(zone, create(TXT, alias), soon()), 'PROVIDER_CONFLICT');
    const { code, records } = error.details;
    assert.deepEqual([code, records], [81053, [`${APP} TXT`, `${APP} CNAME`]]);
    assert.equal(simulator.recordsOf('example.com').length, 1);
  });

  test('a record that exists already costs one more read', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    const zone = await provider.zone(APP, soon());
    await provider.apply(zone, create(TXT), soon());
    simulator.resetCalls();
    const other = record(APP, 'TXT', 'other');
    assertSame(await provider.apply(zone, create(TXT, other), soon()), [TXT, other]);
    assert.deepEqual(
      simulator.calls.map(({ kind }) => kind),
      ['write', 'read', 'write'],
    );
  });

  test('a record that another client changed meanwhile is not removed', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    const zone = await provider.zone(APP, soon());
    simulator.addRecord('example.com', { name: APP, type: 'TXT', content: '"theirs"' });
    await provider.apply(zone, remove(record(APP, 'TXT', 'ours')), soon());
    assert.equal(simulator.recordsOf('example.com').length, 1);
  });

  test('the error for a refused value has the API’s message and the record', async () => {
    await using begun = await begin();
    const zone = await begun.provider.zone(APP, soon());
    const bad = create(record(APP, 'A', 'not an address'));
    const error = await failure(begun.provider.apply(zone, bad, soon()), 'PROVIDER_REJECTED');
    assert.match(error.message, /valid IPv4 address/);
    const { code, records } = error.details;
    assert.deepEqual([code, records], [9005, [`${APP} A`]]);
  });
});

describe('Cloudflare: tokens', { concurrency: true }, () => {
  test('check() costs one call, and the zones are known afterwards', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    await provider.check(soon());
    await provider.zone(APP, soon());
    assert.equal(simulator.calls.length, 1);
  });

  test('check() accepts an account’s token', async () => {
    await using begun = await begin({ token: { owner: 'account' } });
    await begun.provider.check(soon());
  });

  test('check() accepts a token for DNS only if the zone is configured', async () => {
    await using begun = await begin({ token: dnsOnly }, 'example.com');
    await begun.provider.check(soon());
  });

  for (const status of ['expired', 'disabled'] as const) {
    test(`check() reports a token that is ${status}`, async () => {
      await using begun = await begin({ token: { status } });
      const error = await failure(begun.provider.check(soon()), 'PROVIDER_CREDENTIALS_REJECTED');
      assert.deepEqual(error.details, { reason: 'token-not-active', tokenStatus: status });
    });
  }

  test('check() reports a token that may not be used from this address', async () => {
    await using begun = await begin({ token: { elsewhere: true } });
    const error = await failure(begun.provider.check(soon()), 'PROVIDER_CREDENTIALS_REJECTED');
    assert.equal(error.details['reason'], 'address-not-allowed');
  });

  for (const owner of ['user', 'account'] as const) {
    test(`check() names the permission that a token of the ${owner} lacks`, async () => {
      await using begun = await begin({ token: { ...dnsOnly, owner } });
      const error = await failure(begun.provider.check(soon()), 'PROVIDER_PERMISSION_MISSING');
      assert.equal(error.details['permission'], 'Zone / Zone / Read');
    });
  }

  test('a malformed token is told apart from an unknown one', async () => {
    await using begun = await begin();
    const reasonFor = async (token: string) =>
      (await failure(begun.open(token).zone(APP, soon()), 'PROVIDER_CREDENTIALS_REJECTED')).details['reason'];
    assert.equal(await reasonFor('short'), 'token-malformed');
    assert.equal(await reasonFor('x'.repeat(40)), 'token-rejected');
  });

  test('no other credentials of the environment are sent', async () => {
    await using begun = await begin();
    process.env['CLOUDFLARE_API_KEY'] = 'key';
    process.env['CLOUDFLARE_EMAIL'] = 'ops@example.com';
    process.env['CLOUDFLARE_API_USER_SERVICE_KEY'] = 'service';
    try {
      await begun.provider.zone(APP, soon());
    } finally {
      for (const name of ['KEY', 'USER_SERVICE_KEY']) delete process.env[`CLOUDFLARE_API_${name}`];
      delete process.env['CLOUDFLARE_EMAIL'];
    }
    const names = Object.keys(begun.simulator.calls[0]?.headers ?? {});
    assert.deepEqual(
      names.filter((name) => name.startsWith('x-auth')),
      [],
    );
  });
});
