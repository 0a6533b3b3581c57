import assert from 'node:assert/strict';
import dns from 'node:dns';
import { describe, test } from 'node:test';
import type { LiveRecord } from '../../src/dns/record.ts';
import { createTestContext } from '../doubles/provider-context.ts';
import { CHALLENGE, DOMAIN, openAccount } from './namecheap-account.ts';
import { assertSame, create, failure, record, remove, soon } from './support.ts';

const APP = 'app.example.com';
const ZONE = { id: DOMAIN, name: DOMAIN };

describe('Namecheap: calls', { concurrency: true }, () => {
  test('go by POST, with everything in the body', async () => {
    await using account = await openAccount();
    const { simulator, publish } = account;
    await publish();
    for (const { method, query } of simulator.calls) assert.deepEqual([method, [...query]], ['POST', []]);
    for (const form of simulator.forms) assert.equal(form.get('clientip'), simulator.clientIp);
  });

  test('go by IPv4 alone, since the whitelist knows nothing else', async (context) => {
    await using account = await openAccount();
    const { port } = new URL(account.simulator.baseUrl);
    const lookups = context.mock.method(dns, 'lookup').mock;
    await account.open({ baseUrl: `http://localhost:${port}` }).check(soon());
    const [hostname, options] = lookups.calls[0]?.arguments ?? [];
    assert.deepEqual([hostname, Object(options).family], ['localhost', 4]);
  });

  test('a first start is the look for the zone, the records with it, and two writes that are verified', async () => {
    await using account = await openAccount();
    const { provider, commands, simulator } = account;
    const zone = await provider.zone(APP, soon());
    await provider.records(zone, [APP], soon());
    assert.deepEqual(commands(), ['getHosts']);
    const caa = record(DOMAIN, 'CAA', '0 issue "letsencrypt.org"');
    const made = await provider.apply(zone, create(CHALLENGE, caa), soon());
    assert.deepEqual(commands(), ['getHosts', 'setHosts', 'getHosts']);
    simulator.forms.length = 0;
    await provider.apply(zone, remove(...made.slice(0, 1)), soon());
    assert.ok(commands().length <= 3);
    assert.deepEqual(commands().slice(-2), ['setHosts', 'getHosts']);
  });

  test('of the user that NAMECHEAP_API_USER names are for the account of NAMECHEAP_USERNAME', async () => {
    await using account = await openAccount();
    const { simulator, open } = account;
    await failure(open({ apiUser: 'reseller' }).check(soon()), 'PROVIDER_CREDENTIALS_REJECTED');
    const form = simulator.forms.at(-1);
    assert.deepEqual([form?.get('apiuser'), form?.get('username')], ['reseller', simulator.username]);
  });

  test('nothing is written when nothing changes', async () => {
    await using account = await openAccount();
    const { provider, publish, commands, files } = account;
    await publish();
    const before = [...files.texts.keys()];
    await publish();
    await provider.apply(ZONE, remove(record(APP, 'TXT', 'never there')), soon());
    assert.equal(commands().filter((command) => command === 'setHosts').length, 1);
    assert.deepEqual([...files.texts.keys()], before);
  });

  test('a read that got old while the budget was waited for is made again before the write', async () => {
    await using account = await openAccount();
    const { provider, publish, commands, simulator, context } = account;
    for (let call = 0; call < 14; call += 1) await provider.check(soon());
    simulator.forms.length = 0;
    await publish();
    assert.deepEqual(commands(), ['getHosts', 'getHosts', 'setHosts', 'getHosts']);
    assert.ok(context.waits.length > 0);
  });

  test('what was read for the zone alone is read again before a write', async () => {
    await using account = await openAccount();
    const { provider, publish, stored } = account;
    await provider.zone(APP, soon());
    stored.plant({ Name: 'new', Type: 'A', Address: '192.0.2.1' });
    await publish();
    assert.ok(stored.hosts.some(({ Name }) => Name === 'new'));
  });

  test('two programs that write at once see that one lost, and the next pass repairs it', async () => {
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

describe('Namecheap: refusals', { concurrency: true }, () => {
  test('an address that is not on the whitelist is named, with the place to add it', async () => {
    await using account = await openAccount();
    const error = await failure(
      account.open({ clientIp: '198.51.100.4' }).check(soon()),
      'PROVIDER_CREDENTIALS_REJECTED',
    );
    assert.match(error.message, /Invalid request IP: 198\.51\.100\.4 \(code 1011150\)/);
    assert.match(error.hint, /198\.51\.100\.4 at .*Profile > Tools > API Access > Whitelisted IPs/);
  });

  const standings = [
    ['foreign', 'ZONE_NOT_FOUND', /not associated.*2016166/, /NAMECHEAP_USERNAME/],
    ['other-servers', 'ZONE_NOT_FOUND', /proper DNS servers.*2030288/, /BasicDNS/],
    ['not-our-dns', 'ZONE_NOT_FOUND', /name servers of example\.com/, /BasicDNS/],
  ] as const;
  for (const [standing, code, message, hint] of standings) {
    test(`a domain that is ${standing} is neither found nor written`, async () => {
      await using account = await openAccount();
      const { provider, publish, stored, commands } = account;
      stored.standing = standing;
      const error = await failure(provider.zone(APP, soon()), code);
      assert.match(error.message, message);
      assert.match(error.hint, hint);
      await failure(publish(), code);
      assert.ok(!commands().includes('setHosts'));
    });
  }

  test('a domain that may not be edited is a missing permission', async () => {
    await using account = await openAccount();
    account.stored.standing = 'locked';
    const error = await failure(account.publish(), 'PROVIDER_PERMISSION_MISSING');
    assert.match(error.hint, /Domain List > Manage > Sharing/);
  });

  test('a domain that is gone is looked for again', async () => {
    await using account = await openAccount();
    const { provider, stored, simulator } = account;
    const zone = await provider.zone(APP, soon());
    await provider.records(zone, [APP], soon());
    stored.standing = 'foreign';
    await failure(provider.records(zone, [APP], soon()), 'ZONE_NOT_FOUND');
    stored.standing = 'ours';
    simulator.resetCalls();
    await provider.zone(APP, soon());
    assert.equal(simulator.calls.length, 1);
  });

  for (const fault of [
    { kind: 'rate-limit' },
    { kind: 'refusal', status: 200, code: 500_000, message: 'Too many requests' },
  ] as const) {
    test(`over the limit (${fault.kind}) nothing is asked for five minutes`, async () => {
      await using account = await openAccount();
      const { simulator, provider, context } = account;
      simulator.failNext(fault);
      const error = await failure(provider.check(soon()), 'PROVIDER_RATE_LIMITED');
      assert.equal(error.retryAfterMs, 300_000);
      await provider.check(soon());
      const [wait] = context.waits;
      assert.equal(wait?.reason, 'asked-to-wait');
      assert.ok(wait.waitMs > 299_000, String(wait.waitMs));
    });
  }

  test('what the API refuses of a value is told in its words', async () => {
    await using account = await openAccount();
    const bad = create(record(APP, 'A', 'not an address'));
    const error = await failure(account.provider.apply(ZONE, bad, soon()), 'PROVIDER_REJECTED');
    assert.match(error.message, /set the hosts of example\.com: INVALID_ADDRESS.*2050900/);
    assert.deepEqual(account.stored.hosts, []);
  });

  test('a name outside the domain is not written', async () => {
    await using account = await openAccount();
    const stray = create(record('app.example.org', 'TXT', 'value'));
    await failure(account.provider.apply(ZONE, stray, soon()), 'ZONE_MISMATCH');
  });

  test('more hosts than the API keeps are not even sent', async () => {
    await using account = await openAccount();
    const { stored, publish, commands } = account;
    for (let n = 0; n < 150; n += 1) stored.plant({ Name: `n${n}`, Type: 'A', Address: '192.0.2.1' });
    const error = await failure(publish(), 'PROVIDER_REJECTED');
    assert.match(error.message, /151 hosts, and Namecheap keeps 150/);
    assert.deepEqual(commands(), ['getHosts']);
  });

  test('a CNAME is not put beside anything, nor anything beside a CNAME', async () => {
    await using account = await openAccount();
    const { stored, provider, commands } = account;
    stored.plant({ Name: 'app', Type: 'TXT', Address: 'value' });
    stored.plant({ Name: 'www', Type: 'CNAME', Address: 'target.example.net.' });
    const alias = create(record(APP, 'CNAME', 'gateway.example.net'));
    const error = await failure(provider.apply(ZONE, alias, soon()), 'PROVIDER_CONFLICT');
    assert.match(error.message, /app\.example\.com CNAME gateway\.example\.net cannot stand beside TXT/);
    const beside = create(record('www.example.com', 'TXT', 'value'));
    await failure(provider.apply(ZONE, beside, soon()), 'PROVIDER_CONFLICT');
    assert.ok(!commands().includes('setHosts'));
  });
});

describe('Namecheap: records', { concurrency: true }, () => {
  test('whatever spelling stands in the zone is read canonically', async () => {
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

  test('a zone with something that is not understood can still be read', async () => {
    await using account = await openAccount();
    const { stored, provider } = account;
    stored.plant({ Name: 'app', Type: 'HTTPS', Address: '1 . alpn=h2' });
    const live = await provider.records(ZONE, [APP], soon());
    assert.deepEqual(live, [{ ...record(APP, 'HTTPS', '1 . alpn=h2', 1799) } satisfies LiveRecord]);
  });

  test('half a zone is not taken for a whole one', async () => {
    await using account = await openAccount();
    const { stored, simulator, publish } = account;
    stored.plant({ Name: '@', Type: 'A', Address: '192.0.2.1' });
    simulator.failNext({ kind: 'truncated' });
    await failure(publish(), 'PROVIDER_BAD_ANSWER');
    assert.equal(stored.hosts.length, 1);
  });

  test('another domain in the answer is a bad answer', async () => {
    await using account = await openAccount();
    account.stored.moreAttributes = { Domain: 'example.org' };
    await failure(account.provider.records(ZONE, [APP], soon()), 'PROVIDER_BAD_ANSWER');
  });

  test('a wait for the budget is told', async () => {
    await using account = await openAccount();
    const context = createTestContext();
    const provider = account.open({}, context);
    for (let call = 0; call < 16; call += 1) await provider.check(soon());
    assert.equal(context.waits[0]?.reason, 'budget');
  });
});
