import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { comeAndGo, DOMAIN, openAccount } from './namecheap-account.ts';

/** Zones of hosts that the API can return, in its own spelling. */
const label = fc.stringMatching(/^[a-z0-9_](?:[a-z0-9_-]{0,8}[a-z0-9_])?$/);
const name = fc.oneof(
  fc.constantFrom('@', '*', 'www', 'app', '_acme-challenge', '_acme-challenge.app'),
  label,
  fc.tuple(label, label).map((labels) => labels.join('.')),
);
const target = fc.tuple(label, label).map((labels) => `${labels.join('.')}.`);
const text = fc.string({ unit: 'grapheme', maxLength: 300 }).map((words) => words.replaceAll('"', '”'));
const TTL = fc.oneof(
  fc.constantFrom('60', '1799', '1800', '60000'),
  fc.integer({ min: 60, max: 60_000 }).map(String),
);
const v4 = fc.ipV4();
const of = (Type: string, Address: fc.Arbitrary<string>, MXPref: fc.Arbitrary<string> = fc.constant('10')) =>
  fc.record({ Name: name, Type: fc.constant(Type), Address, TTL, MXPref });
const host = fc.oneof(
  of('A', v4),
  of(
    'AAAA',
    fc.ipV6().filter((address) => !address.includes('.')),
  ),
  of('TXT', text),
  of('MX', target, fc.integer({ min: 0, max: 255 }).map(String)),
  of('NS', target),
  of('ALIAS', target),
  of('URL', fc.webUrl({ withQueryParameters: true, withFragments: true })),
  of('URL301', fc.webUrl({ withQueryParameters: true })),
  of('FRAME', fc.webUrl()),
  of(
    'CAA',
    label.map((ca) => `0 issue "${ca}.example;accounturi=https://ca.example/acct/1"`),
  ),
);
const zone = fc
  .uniqueArray(host, {
    selector: ({ Name, Type, Address }) => `${Name} ${Type} ${Address}`,
    maxLength: 40,
  })
  .filter((hosts) => hosts.every(({ Name, Address }) => Name.length <= 60 && Address.length <= 255));

test('a challenge comes and goes, and a zone of supported hosts is unchanged', async () => {
  await using account = await openAccount();
  const { stored } = account;
  await fc.assert(
    fc.asyncProperty(zone, async (hosts) => {
      stored.drop(() => true);
      stored.emailType = 'MX';
      for (const one of hosts) stored.plant(one);
      const { before, between, after } = await comeAndGo(account);
      assert.equal(between.length, before.length + 1);
      assert.deepEqual(after, before);
    }),
    { numRuns: 60 },
  );
});

const odd = fc.record({
  Name: fc.oneof(name, fc.constantFrom('WWW', 'a b', '')),
  Type: fc.constantFrom('A', 'AAAA', 'CNAME', 'MX', 'MXE', 'TXT', 'CAA', 'SRV', 'URL', 'HTTPS'),
  Address: fc.oneof(
    v4,
    target,
    text,
    fc.constantFrom('mx1.privateemail.com.', '"x"', '0 issue ca.example', 'http://a.example/'),
  ),
  TTL: fc.oneof(TTL, fc.integer({ min: 0, max: 100_000 }).map(String)),
  MXPref: fc.oneof(fc.constant('10'), fc.integer({ min: 0, max: 70_000 }).map(String)),
  IsDDNSEnabled: fc.constantFrom('false', 'false', 'false', 'false', 'true'),
  IsActive: fc.constantFrom('true', 'true', 'true', 'true', 'false'),
});
const emailType = fc.constantFrom('NONE', 'MX', 'MXE', 'FWD', 'OX', 'GMAIL', 'ZOHO');

test('any zone is either refused and untouched, or served the same afterwards', async () => {
  await using account = await openAccount();
  const { stored, simulator } = account;
  const served = () => {
    const lines = stored
      .records()
      .map(
        ({ name: owner, type, ttl, data }) =>
          `${owner.toLowerCase()} ${ttl} ${type} ${data.replace(/"/g, '').replace(/\.$/, '')}`,
      );
    return [
      ...new Set([...lines, ...stored.hosts.map(({ IsDDNSEnabled }) => IsDDNSEnabled), stored.emailType]),
    ].sort();
  };
  let written = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ weight: 6, arbitrary: host }, odd), { maxLength: 6 }),
      emailType,
      async (hosts, type) => {
        stored.drop(() => true);
        stored.setEmailType(type);
        for (const one of hosts) stored.plant(one);
        const [before, exactly] = [served(), simulator.snapshot(DOMAIN)];
        try {
          await comeAndGo(account);
          written += 1;
          assert.deepEqual(served(), before);
        } catch (thrown) {
          const { code } = Object(thrown);

          assert.ok(
            ['ZONE_NOT_UNDERSTOOD', 'PROVIDER_REJECTED', 'PROVIDER_BAD_ANSWER', 'PROVIDER_CONFLICT'].includes(
              code,
            ),
            String(thrown),
          );
          assert.deepEqual(simulator.snapshot(DOMAIN), exactly);
        }
      },
    ),
    { numRuns: 300 },
  );
  assert.ok(written > 30, `only ${written} zones were written`);
});
