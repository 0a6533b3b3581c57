import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DOMAIN, openAccount } from './namecheap-account.ts';
import { create, failure, record, soon } from './support.ts';

const APP = 'app.example.com';
const ZONE = { id: DOMAIN, name: DOMAIN };

describe('Namecheap: refusals', { concurrency: true }, () => {
  test('an address that is not on the whitelist is reported as the reason', async () => {
    await using account = await openAccount();
    const error = await failure(
      account.open({ clientIp: '198.51.100.4' }).check(soon()),
      'PROVIDER_CREDENTIALS_REJECTED',
    );
    assert.deepEqual(error.details, { code: '1011150', reason: 'address-not-allowed' });
    assert.match(error.message, /Invalid request IP: 198\.51\.100\.4/);
  });

  const accesses = [
    ['foreign', { code: '2016166', reason: 'domain-not-in-account', nameInDoubt: true }],
    ['other-servers', { code: '2030288', reason: 'other-name-servers' }],
    ['not-our-dns', { reason: 'other-name-servers', domain: DOMAIN }],
  ] as const;
  for (const [access, details] of accesses) {
    test(`a domain that is ${access} is neither found nor written`, async () => {
      await using account = await openAccount();
      const { provider, publish, stored, commands } = account;
      stored.access = access;
      const error = await failure(provider.zone(APP, soon()), 'ZONE_NOT_FOUND');
      assert.deepEqual(error.details, details);
      await failure(publish(), 'ZONE_NOT_FOUND');
      assert.ok(!commands().includes('setHosts'));
    });
  }

  test('a domain that may not be edited is a missing permission', async () => {
    await using account = await openAccount();
    account.stored.access = 'locked';
    const error = await failure(account.publish(), 'PROVIDER_PERMISSION_MISSING');
    assert.deepEqual(error.details, { code: '2030166' });
  });

  test('a domain that is gone is looked up again', async () => {
    await using account = await openAccount();
    const { provider, stored, simulator } = account;
    const zone = await provider.zone(APP, soon());
    await provider.records(zone, [APP], soon());
    stored.access = 'foreign';
    await failure(provider.records(zone, [APP], soon()), 'ZONE_NOT_FOUND');
    stored.access = 'ours';
    simulator.resetCalls();
    await provider.zone(APP, soon());
    assert.equal(simulator.calls.length, 1);
  });

  for (const fault of [
    { kind: 'rate-limit' },
    { kind: 'refusal', status: 200, code: 500_000, message: 'Too many requests' },
  ] as const) {
    test(`over the limit (${fault.kind}) no call is made for five minutes`, async () => {
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

  test('the error for a refused value has the API’s message', async () => {
    await using account = await openAccount();
    const bad = create(record(APP, 'A', 'not an address'));
    const error = await failure(account.provider.apply(ZONE, bad, soon()), 'PROVIDER_REJECTED');
    assert.equal(error.details['code'], '2050900');
    assert.match(error.message, /INVALID_ADDRESS/);
    assert.deepEqual(account.stored.hosts, []);
  });

  test('a name outside the domain is not written', async () => {
    await using account = await openAccount();
    const stray = create(record('app.example.org', 'TXT', 'value'));
    await failure(account.provider.apply(ZONE, stray, soon()), 'ZONE_MISMATCH');
  });

  test('more hosts than the API keeps are not sent', async () => {
    await using account = await openAccount();
    const { stored, publish, commands } = account;
    for (let n = 0; n < 150; n += 1) stored.plant({ Name: `n${n}`, Type: 'A', Address: '192.0.2.1' });
    const error = await failure(publish(), 'PROVIDER_REJECTED');
    assert.deepEqual(error.details, { hosts: 151, most: 150 });
    assert.deepEqual(commands(), ['getHosts']);
  });

  test('a CNAME is not written beside another type, nor another type beside a CNAME', async () => {
    await using account = await openAccount();
    const { stored, provider, commands } = account;
    stored.plant({ Name: 'app', Type: 'TXT', Address: 'value' });
    stored.plant({ Name: 'www', Type: 'CNAME', Address: 'target.example.net.' });
    const alias = create(record(APP, 'CNAME', 'gateway.example.net'));
    const error = await failure(provider.apply(ZONE, alias, soon()), 'PROVIDER_CONFLICT');
    const [described, other] = [`${APP} CNAME gateway.example.net`, `${APP} TXT value`];
    assert.deepEqual(error.details, { record: described, beside: other });
    const beside = create(record('www.example.com', 'TXT', 'value'));
    await failure(provider.apply(ZONE, beside, soon()), 'PROVIDER_CONFLICT');
    assert.ok(!commands().includes('setHosts'));
  });
});
