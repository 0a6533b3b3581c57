import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TokenOptions } from '../world/apis/linode-token.ts';
import { begin } from './linode-support.ts';
import { create, failure, readRecords, record, remove, soon } from './support.ts';

const ZONE = 'example.com';
const APP = 'app.example.com';
const CHALLENGE = '_acme-challenge.app.example.com';
const TXT = record(APP, 'TXT', 'value');

describe('Linode: domains', { concurrency: true }, () => {
  test('reports a secondary domain, whose records come from elsewhere', async () => {
    await using begun = await begin();
    begun.simulator.addDomain(APP, { type: 'slave' });
    const error = await failure(begun.provider.zone(CHALLENGE, soon()), 'ZONE_NOT_FOUND');
    const { reason, domain, type } = error.details;
    assert.deepEqual([reason, domain, type], ['secondary', APP, 'slave']);
  });

  test('reports a disabled domain, and uses a shorter one instead', async () => {
    await using begun = await begin();
    begun.simulator.addDomain(APP, { status: 'disabled' });
    begun.simulator.addDomain('example.net', { status: 'disabled' });
    assert.equal((await begun.provider.zone(CHALLENGE, soon())).name, ZONE);
    const error = await failure(begun.provider.zone('app.example.net', soon()), 'ZONE_NOT_FOUND');
    const { reason, domain, status } = error.details;
    assert.deepEqual([reason, domain, status], ['not-served', 'example.net', 'disabled']);
  });

  test('a domain beyond the first page of the account is found', async () => {
    const zones = Array.from({ length: 501 }, (_, index) => `zone${index}.example`);
    await using begun = await begin({ zones });
    assert.equal((await begun.provider.zone('x.zone500.example', soon())).name, 'zone500.example');
    assert.equal(begun.simulator.calls.length, 2);
  });

  test('a domain that is gone is looked up again', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    const zone = await provider.zone(APP, soon());
    simulator.removeDomain(ZONE);
    await failure(provider.records(zone, [APP], soon()), 'ZONE_NOT_FOUND');
    const again = simulator.addDomain(ZONE);
    assert.equal((await provider.zone(APP, soon())).id, String(again.id));
  });

  test('an account without domains has no zone', async () => {
    await using begun = await begin({ zones: [] });
    const error = await failure(begun.provider.zone(APP, soon()), 'ZONE_NOT_FOUND');
    assert.deepEqual(error.details, { nameInDoubt: true, domains: 0 });
  });
});

describe('Linode: costs', { concurrency: true }, () => {
  test('a first start with CAA, addresses and a challenge costs ten calls', async () => {
    await using begun = await begin();
    const { provider, simulator, methods } = begun;
    const zone = await provider.zone(APP, soon());
    assert.deepEqual(await readRecords(provider, zone, APP, CHALLENGE), []);
    const challenge = record(CHALLENGE, 'TXT', 'token');
    const wanted = [
      record(APP, 'A', '192.0.2.1'),
      record(APP, 'AAAA', '2001:db8::1'),
      record(`_dstack-app-address.${APP}`, 'TXT', 'app:443'),
      record(APP, 'CAA', '0 issue "ca.example;accounturi=https://ca/1"'),
    ];
    const made = await provider.apply(zone, create(...wanted, challenge), soon());
    await provider.apply(zone, remove(...made.filter(({ name }) => name === CHALLENGE)), soon());
    assert.deepEqual(methods(), ['GET', 'GET', 'GET', ...Array(5).fill('POST'), 'GET', 'DELETE']);
    assert.equal(simulator.recordsOf(ZONE).length, wanted.length);
  });

  test('a Retry-After on a successful response causes no wait', async () => {
    await using begun = await begin();
    const { provider, context } = begun;
    const zone = await provider.zone(APP, soon());
    await provider.apply(zone, create(TXT), soon());
    assert.deepEqual(context.waits, []);
  });

  test('calls stay below 200 a minute and 800 an hour', async () => {
    await using begun = await begin();
    const { provider, context } = begun;
    const start = context.clock.now().getTime();
    const passed = () => context.clock.now().getTime() - start;
    for (let call = 1; call <= 790; call += 1) {
      await provider.check(soon());
      if (call === 199) assert.ok(passed() > 60_000, `${passed()} ms`);
    }
    assert.ok(passed() > 3_600_000, `${passed()} ms`);
  });

  test('a change to the current records writes nothing', async () => {
    await using begun = await begin();
    const { provider, methods } = begun;
    const zone = await provider.zone(APP, soon());
    await provider.apply(zone, create(TXT), soon());
    begun.simulator.resetCalls();
    await provider.apply(zone, create(TXT), soon());
    assert.deepEqual(methods(), ['GET']);
  });
});

describe('Linode: tokens', { concurrency: true }, () => {
  test('check() costs one call, and the domains are known afterwards', async () => {
    await using begun = await begin();
    await begun.provider.check(soon());
    await begun.provider.zone(APP, soon());
    assert.equal(begun.simulator.calls.length, 1);
  });

  const lacking: readonly (readonly [what: string, TokenOptions, reason: string])[] = [
    ['its scope is read-only', { domains: 'read_only' }, 'token-lacks-scope'],
    ['its user has read-only access', { grants: { [ZONE]: 'read_only' } }, 'user-lacks-grant'],
  ];
  for (const [what, token, reason] of lacking) {
    test(`the refusal of a write has its reason if ${what}`, async () => {
      await using begun = await begin({ token });
      const { provider } = begun;
      const zone = await provider.zone(APP, soon());
      const error = await failure(provider.apply(zone, create(TXT), soon()), 'PROVIDER_PERMISSION_MISSING');
      assert.equal(error.details['reason'], reason);
    });
  }

  test('check() reports a token without a scope for domains', async () => {
    await using begun = await begin({ token: { domains: 'none' } });
    const error = await failure(begun.provider.check(soon()), 'PROVIDER_PERMISSION_MISSING');
    assert.equal(error.details['reason'], 'token-lacks-scope');
    assert.match(error.message, /not authorized/);
  });

  test('check() reports an unknown token', async () => {
    await using begun = await begin();
    const error = await failure(begun.open('unknown').check(soon()), 'PROVIDER_CREDENTIALS_REJECTED');
    assert.equal(error.details['reason'], 'token-rejected');
  });

  test('the token is sent in its header only', async () => {
    await using begun = await begin();
    await begun.provider.zone(APP, soon());
    const [call] = begun.simulator.calls;
    assert.equal(call?.headers.authorization, `Bearer ${begun.simulator.token}`);
    assert.deepEqual(
      [...(call?.query ?? [])],
      [
        ['page', '1'],
        ['page_size', '500'],
      ],
    );
  });
});
