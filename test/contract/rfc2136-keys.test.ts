import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ALGORITHMS } from '../../providers/rfc2136/variables.ts';
import { Secret } from '../../src/config/secret.ts';
import { isIngressError } from '../../src/errors.ts';
import { createHurryingClock, createTestContext } from '../harness/dns/provider-context.ts';
import { bind } from '../world/dns/bind-primary.ts';
import { begin } from './rfc2136-begin.ts';
import { openAt } from './rfc2136-world.ts';
import { assertSame, create, failure, readRecords, record, remove, soon } from './support.ts';

const ZONE = 'example.com';
const APP = 'app.example.com';
const CHALLENGE = '_acme-challenge.app.example.com';
const ALIAS = record(APP, 'CNAME', 'gateway.example.net', 60);

describe('RFC 2136: keys', () => {
  for (const algorithm of ALGORITHMS) {
    test(`a key of ${algorithm} reads and writes`, async () => {
      await using begun = await begin({ algorithm });
      assertSame(await begun.provider.apply(begun.zone, create(ALIAS), soon()), [ALIAS]);
    });
  }

  test('the error for a fault of the key tells name, algorithm and secret apart', async () => {
    await using begun = await begin();
    const { primary } = begun;
    const { key } = primary;
    const check = async (more: Parameters<typeof openAt>[2]) =>
      (await failure(openAt(primary, key, more).check(soon()), 'PROVIDER_CREDENTIALS_REJECTED')).details;
    const unknown = { tsigError: 'BADKEY', suspects: ['key', 'acl'], algorithm: 'hmac-sha256' };
    assert.deepEqual(await check({ keyName: 'another' }), { ...unknown, key: 'another' });
    const algorithm = 'hmac-sha512';
    assert.deepEqual(await check({ algorithm }), { ...unknown, key: key.name, algorithm });
    const { tsigError, suspects } = await check({ secret: new Secret('c2VjcmV0') });
    assert.deepEqual([tsigError, suspects], ['BADSIG', ['secret']]);
  });

  for (const [seconds, how] of [
    [-1000, 'behind'],
    [1000, 'ahead'],
  ] as const) {
    test(`the error for a clock that is ${how} has the difference, and is retryable`, async () => {
      await using begun = await begin();
      const clock = { ...createHurryingClock(), now: () => new Date(Date.now() + seconds * 1000) };
      const provider = openAt(begun.primary, begun.primary.key, {}, createTestContext(clock));
      const error = await failure(provider.check(soon()), 'PROVIDER_CREDENTIALS_REJECTED');
      const { tsigError, suspects, aheadSeconds } = error.details;
      assert.deepEqual([tsigError, suspects], ['BADTIME', ['clock']]);
      assert.ok(Math.abs(Number(aheadSeconds) - seconds) <= 1, String(aheadSeconds));
      assert.equal(error.retryable, true);
    });
  }
});

describe('RFC 2136: a refusal without a signature', () => {
  const refuse = async (rcode: 'notauth' | 'refused', passedMs?: number) => {
    await using begun = await begin();
    const real = createHurryingClock();
    let aheadMs = 0;
    const clock = { ...real, now: () => new Date(real.now().getTime() + aheadMs) };
    const provider = openAt(begun.primary, begun.primary.key, {}, createTestContext(clock));
    if (passedMs !== undefined) await provider.zone(APP, soon());
    aheadMs = passedMs ?? 0;
    begun.primary.front.fail(rcode, 'read', 1);
    return await provider.records(begun.zone, [APP], soon()).catch((thrown: unknown) => thrown);
  };

  for (const rcode of ['notauth', 'refused'] as const) {
    for (const [when, passedMs] of [
      ['at the first query', undefined],
      ['long after the key was accepted', 61_000],
      ['after a clock was set back', -1000],
    ] as const) {
      test(`${rcode} ${when} may be due to ACL, clock or key, and is retryable`, async () => {
        const error = await refuse(rcode, passedMs);
        assert.ok(isIngressError(error, 'PROVIDER_CREDENTIALS_REJECTED'), String(error));
        assert.deepEqual(error.details['suspects'], ['acl', 'clock', 'key', 'secret', 'zone']);
        assert.equal(error.retryable, true);
      });
    }

    test(`${rcode} just after the key was accepted is due to the ACL`, async () => {
      const error = await refuse(rcode, 1000);
      assert.ok(isIngressError(error, 'PROVIDER_PERMISSION_MISSING'), String(error));
      assert.deepEqual(error.details['suspects'], ['acl', 'zone']);
      assert.equal(error.retryable, false);
    });
  }

  test('a query for a foreign zone is also REFUSED, which does not make the key suspect', async () => {
    await using begun = await begin();
    begun.primary.front.fail('refused', 'read', 2);
    await begun.provider.check(soon());
    assert.equal((await begun.provider.zone(APP, soon())).name, ZONE);
  });
});

describe('RFC 2136: the least permissions of a key', () => {
  // As in docs/providers.md.
  const access = [
    'allow-transfer { key "dstack-ingress"; key "behind"; }',
    `update-policy {
      grant "dstack-ingress" name app.example.com. A AAAA CNAME CAA;
      grant "dstack-ingress" name _dstack-app-address.app.example.com. TXT;
      grant "dstack-ingress" name _acme-challenge.app.example.com. TXT;
    }`,
  ];

  test('three names suffice', async () => {
    await using begun = await begin({ start: bind({ access }) });
    const wanted = [
      ALIAS,
      record(CHALLENGE, 'TXT', 'token', 60),
      record(`_dstack-app-address.${APP}`, 'TXT', 'address', 60),
    ];
    const made = await begun.provider.apply(begun.zone, create(...wanted), soon());
    assertSame(made, wanted);
    await begun.provider.apply(begun.zone, remove(...made), soon());
  });

  test('the error for a name that is not granted has the statement that grants it', async () => {
    await using begun = await begin({ start: bind({ access }) });
    const changes = create(ALIAS, record(`other.${ZONE}`, 'TXT', 'value'));
    const error = await failure(
      begun.provider.apply(begun.zone, changes, soon()),
      'PROVIDER_PERMISSION_MISSING',
    );
    const { rcode, records, bind: statements } = error.details;
    assert.deepEqual([rcode, records], ['REFUSED', [`${APP} CNAME`, `other.${ZONE} TXT`]]);
    assert.deepEqual(statements, [
      `grant "dstack-ingress" name ${APP}. A AAAA CNAME CAA;`,
      `grant "dstack-ingress" name other.${ZONE}. TXT;`,
    ]);
    assertSame(await readRecords(begun.provider, begun.zone, APP), []);
  });

  test('the error for a transfer that is not allowed has the statement that allows it', async () => {
    await using begun = await begin({ start: bind({ access: access.slice(1) }) });
    const error = await failure(
      begun.provider.records(begun.zone, [APP], soon()),
      'PROVIDER_PERMISSION_MISSING',
    );
    assert.deepEqual(error.details['bind'], ['allow-transfer { key "dstack-ingress"; };']);
  });

  test('more values than the server accepts are a failure of the server', async () => {
    await using begun = await begin();
    const values = Array.from({ length: 101 }, (_, at) => record(CHALLENGE, 'TXT', `value ${at}`));
    const error = await failure(
      begun.provider.apply(begun.zone, create(...values), soon()),
      'PROVIDER_UNAVAILABLE',
    );
    assert.equal(error.details['rcode'], 'SERVFAIL');
  });
});
