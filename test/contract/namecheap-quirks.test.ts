import assert from 'node:assert/strict';
import dns from 'node:dns';
import { describe, test } from 'node:test';
import { createTestContext } from '../harness/dns/provider-context.ts';
import { CHALLENGE, DOMAIN, openAccount } from './namecheap-account.ts';
import { assertSame, create, failure, record, remove, soon } from './support.ts';

const APP = 'app.example.com';
const ZONE = { id: DOMAIN, name: DOMAIN };

describe('Namecheap: calls', { concurrency: true }, () => {
  test('use POST, with everything in the body', async () => {
    await using account = await openAccount();
    const { simulator, publish } = account;
    await publish();
    for (const { method, query } of simulator.calls) assert.deepEqual([method, [...query]], ['POST', []]);
    for (const form of simulator.forms) assert.equal(form.get('clientip'), simulator.clientIp);
  });

  test('use IPv4 only, because the whitelist has no IPv6', async (context) => {
    await using account = await openAccount();
    const { port } = new URL(account.simulator.baseUrl);
    const lookups = context.mock.method(dns, 'lookup').mock;
    await account.open({ baseUrl: `http://localhost:${port}` }).check(soon());
    const [hostname, options] = lookups.calls[0]?.arguments ?? [];
    assert.deepEqual([hostname, Object(options).family], ['localhost', 4]);
  });

  test('a first start looks up the zone and its records at once, and makes two verified writes', async () => {
    await using account = await openAccount();
    const { provider, commands, simulator } = account;
    const zone = await provider.zone(APP, soon());
    await provider.records(zone, [APP], soon());
    assert.deepEqual(commands(), ['getHosts']);
    const caa = record(DOMAIN, 'CAA', '0 issue "letsencrypt.org"');
    const made = await provider.apply(zone, create(CHALLENGE, caa), soon());
    assert.deepEqual(commands(), ['getHosts', 'setHosts', 'getHosts']);
    // With a handle, the journal knows that the value was published there, and need not look again.
    for (const { handle } of made) assert.ok(handle);
    simulator.forms.length = 0;
    await provider.apply(zone, remove(...made.slice(0, 1)), soon());
    assert.ok(commands().length <= 3);
    assert.deepEqual(commands().slice(-2), ['setHosts', 'getHosts']);
  });

  test('with NAMECHEAP_API_USER the calls of that user are for the account of NAMECHEAP_USERNAME', async () => {
    await using account = await openAccount();
    const { simulator, open } = account;
    await failure(open({ apiUser: 'reseller' }).check(soon()), 'PROVIDER_CREDENTIALS_REJECTED');
    const form = simulator.forms.at(-1);
    assert.deepEqual([form?.get('apiuser'), form?.get('username')], ['reseller', simulator.username]);
  });

  test('nothing is written if nothing changes', async () => {
    await using account = await openAccount();
    const { provider, publish, commands, files } = account;
    await publish();
    const before = [...files.texts.keys()];
    await publish();
    await provider.apply(ZONE, remove(record(APP, 'TXT', 'never there')), soon());
    assert.equal(commands().filter((command) => command === 'setHosts').length, 1);
    assert.deepEqual([...files.texts.keys()], before);
  });

  test('a read that became stale during a wait for the budget is repeated before the write', async () => {
    await using account = await openAccount();
    const { provider, publish, commands, simulator, context } = account;
    for (let call = 0; call < 14; call += 1) await provider.check(soon());
    simulator.forms.length = 0;
    await publish();
    assert.deepEqual(commands(), ['getHosts', 'getHosts', 'setHosts', 'getHosts']);
    assert.ok(context.waits.length > 0);
  });

  test('the read of the zone lookup is repeated before a write', async () => {
    await using account = await openAccount();
    const { provider, publish, stored } = account;
    await provider.zone(APP, soon());
    stored.plant({ Name: 'new', Type: 'A', Address: '192.0.2.1' });
    await publish();
    assert.ok(stored.hosts.some(({ Name }) => Name === 'new'));
  });

  test('of two programs that write at once, one notices its loss, and its next run repairs it', async () => {
    await using account = await openAccount();
    const { open, stored } = account;
    const values = ['one', 'two', 'three'].map((value) => record(APP, 'TXT', value));
    const write = async (value: (typeof values)[number]) => {
      const provider = open();
      for (let attempt = 0; attempt < 30; attempt += 1) {
        try {
          return await provider.apply(ZONE, create(value), soon());
        } catch (thrown) {
          assert.equal(Object(thrown).code, 'PROVIDER_CONFLICT', String(thrown));
        }
      }
      return assert.fail('never written');
    };
    stored.plant({ Name: '@', Type: 'A', Address: '192.0.2.1' });
    await Promise.all(values.map(write));
    for (const value of values) await open().apply(ZONE, create(value), soon());
    assertSame(await open().records(ZONE, [APP], soon()), values);
    assert.ok(stored.hosts.some(({ Address }) => Address === '192.0.2.1'));
  });
});

test('Namecheap: one write does not reuse the read of another', async () => {
  await using account = await openAccount();
  const { stored, publish } = account;
  const { HostId } = stored.plant({ Name: 'x', Type: 'SVCB', Address: '1 .' });
  await failure(publish(), 'ZONE_NOT_UNDERSTOOD');
  stored.drop((host) => host.HostId === HostId);
  await publish();
});

describe('Namecheap: records', { concurrency: true }, () => {
  test('reads every spelling in the zone canonically', async () => {
    await using account = await openAccount();
    const { stored, provider } = account;
    stored.plant({ Name: 'App', Type: 'CNAME', Address: 'Gateway.Example.NET.' });
    stored.plant({ Name: 'app', Type: 'CAA', Address: '0 issue ca.example' });
    stored.plant({ Name: 'app', Type: 'AAAA', Address: '2001:DB8:0:0:0:0:0:1' });
    stored.plant({ Name: 'app', Type: 'TXT', Address: '  12.50 & <b> \\ é+  ' });
    stored.plant({ Name: 'app', Type: 'MX', Address: 'mx.example.net.', MXPref: '5' });
    stored.plant({ Name: '*', Type: 'A', Address: '192.0.2.1', TTL: '60' });
    stored.plant({ Name: '@', Type: 'ALIAS', Address: 'other.example.net.' });
    assertSame(await provider.records(ZONE, [APP, `*.${DOMAIN}`, DOMAIN], soon()), [
      record(APP, 'CNAME', 'gateway.example.net', 1799),
      record(APP, 'CAA', '0 issue "ca.example"', 1799),
      record(APP, 'AAAA', '2001:db8::1', 1799),
      record(APP, 'TXT', '  12.50 & <b> \\ é+  ', 1799),
      record(APP, 'MX', '5 mx.example.net.', 1799),
      record(`*.${DOMAIN}`, 'A', '192.0.2.1', 60),
      record(DOMAIN, 'ALIAS', 'other.example.net.', 1799),
    ]);
  });

  test('a zone with unsupported hosts can still be read', async () => {
    await using account = await openAccount();
    const { stored, provider } = account;
    stored.plant({ Name: 'app', Type: 'HTTPS', Address: '1 . alpn=h2' });
    const current = await provider.records(ZONE, [APP], soon());
    assertSame(current, [record(APP, 'HTTPS', '1 . alpn=h2', 1799)]);
  });

  test('an incomplete zone is not accepted', async () => {
    await using account = await openAccount();
    const { stored, simulator, publish } = account;
    stored.plant({ Name: '@', Type: 'A', Address: '192.0.2.1' });
    simulator.failNext({ kind: 'truncated' });
    await failure(publish(), 'PROVIDER_BAD_ANSWER');
    assert.equal(stored.hosts.length, 1);
  });

  test('another domain in the response is a bad answer', async () => {
    await using account = await openAccount();
    account.stored.moreAttributes = { Domain: 'example.org' };
    await failure(account.provider.records(ZONE, [APP], soon()), 'PROVIDER_BAD_ANSWER');
  });

  test('a wait for the budget is reported', async () => {
    await using account = await openAccount();
    const context = createTestContext();
    const provider = account.open({}, context);
    for (let call = 0; call < 16; call += 1) await provider.check(soon());
    assert.equal(context.waits[0]?.reason, 'budget');
  });
});
