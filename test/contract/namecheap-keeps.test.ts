import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { StoredHost } from '../world/namecheap.ts';
import { type Account, CHALLENGE, DOMAIN, openAccount } from './namecheap-account.ts';
import { assertSame, create, failure, record, remove, soon } from './support.ts';

/** setHosts replaces the whole zone: what is not sent is gone. These are the promises that nothing is. */

const ZONE = { id: DOMAIN, name: DOMAIN };

type Fields = Partial<StoredHost> & Pick<StoredHost, 'Name' | 'Type' | 'Address'>;

/** Adds and removes a challenge, and gives the zone before, between and after. */
async function pass({ simulator, provider, publish }: Account) {
  const before = simulator.snapshot(DOMAIN);
  await publish();
  const between = simulator.snapshot(DOMAIN);
  await provider.apply(ZONE, remove(CHALLENGE), soon());
  return { before, between, after: simulator.snapshot(DOMAIN) };
}

const kept: readonly (readonly [what: string, emailType: string, hosts: readonly Fields[]])[] = [
  [
    'addresses with their TTLs',
    'NONE',
    [
      { Name: '@', Type: 'A', Address: '192.0.2.1', TTL: '60' },
      { Name: '@', Type: 'A', Address: '192.0.2.2', TTL: '1799' },
      { Name: '*.deep', Type: 'AAAA', Address: '2001:db8::1', TTL: '60000' },
    ],
  ],
  [
    'mail servers with their preferences',
    'MX',
    [
      { Name: '@', Type: 'MX', Address: 'mx1.example.net.', MXPref: '0' },
      { Name: '@', Type: 'MX', Address: 'mx2.example.net.', MXPref: '255' },
      { Name: 'sub', Type: 'MX', Address: 'mx1.example.net.', MXPref: '10' },
    ],
  ],
  [
    'redirects',
    'NONE',
    [
      { Name: '@', Type: 'URL', Address: 'http://www.example.com/?from=@' },
      { Name: 'moved', Type: 'URL301', Address: 'https://example.net/a%20b?c=d&e=+#f' },
      { Name: 'framed', Type: 'FRAME', Address: 'http://example.net/<x>' },
    ],
  ],
  ['mail to an address', 'MXE', [{ Name: '@', Type: 'MXE', Address: '192.0.2.25' }]],
  ['mail that Namecheap forwards', 'FWD', [{ Name: '@', Type: 'A', Address: '192.0.2.1' }]],
  ['the private mail of Namecheap', 'OX', [{ Name: 'www', Type: 'A', Address: '192.0.2.1' }]],
  ['the mail of Google', 'GMAIL', [{ Name: 'www', Type: 'A', Address: '192.0.2.1' }]],
  [
    'CAA, NS, ALIAS and CNAME',
    'NONE',
    [
      { Name: '@', Type: 'CAA', Address: '128 iodef "mailto:ops@example.com"' },
      { Name: 'sub', Type: 'NS', Address: 'ns1.example.net.' },
      { Name: '@', Type: 'ALIAS', Address: 'other.example.net.', TTL: '300' },
      { Name: '_abc', Type: 'CNAME', Address: '_def.acm-validations.aws.' },
    ],
  ],
  [
    'text of any kind',
    'NONE',
    [
      { Name: '@', Type: 'TXT', Address: 'v=spf1 include:_spf.example.net ~all' },
      { Name: 'k._domainkey', Type: 'TXT', Address: `v=DKIM1; p=${'A+/b'.repeat(150)}==` },
      { Name: '@', Type: 'TXT', Address: "  50% & 'more' \\ <é>;#+ \n\t" },
    ],
  ],
  ['a zone without any host', 'MX', []],
];
for (const [what, emailType, hosts] of kept) {
  test(`${what} stay byte for byte`, async () => {
    await using account = await openAccount();
    for (const host of hosts) account.stored.plant(host);
    if (emailType === 'OX' || emailType === 'GMAIL') account.stored.setEmailType(emailType);
    else account.stored.emailType = emailType;
    const { before, between, after } = await pass(account);
    assert.deepEqual(after, before);
    assert.equal(between.length, before.length + 1);
    assert.equal(account.stored.emailType, emailType);
  });
}

test('SRV records, which the API does not show, are left alone', async () => {
  await using account = await openAccount();
  const services = [
    { name: `_sip._tcp.${DOMAIN}`, type: 'SRV', ttl: 1799, data: '0 1 5060 sip.example.net.' },
  ];
  account.stored.services = services;
  await pass(account);
  assert.deepEqual(account.stored.services, services);
});

test('labels of the website are no reason not to write', async () => {
  await using account = await openAccount();
  const parking = { Name: 'www', Type: 'CNAME', Address: 'parkingpage.namecheap.com.' };
  account.stored.plant({ ...parking, FriendlyName: 'CNAME Record' });
  await account.publish();
  assert.ok(account.stored.hosts.some(({ Address }) => Address === parking.Address));
});

const harmless = { Name: 'www', Type: 'A', Address: '192.0.2.1' };
const refused: readonly (readonly [what: string, plant: (account: Account) => void, words: RegExp])[] = [
  [
    'a dynamic DNS host',
    ({ stored }) => stored.plant({ ...harmless, IsDDNSEnabled: 'true' }),
    /www A 192\.0\.2\.1 is a dynamic DNS/,
  ],
  [
    'a host that is not active',
    ({ stored }) => stored.plant({ ...harmless, IsActive: 'false' }),
    /www A .* not active/,
  ],
  [
    'a host of an app',
    ({ stored }) => stored.plant({ ...harmless, AssociatedAppTitle: 'Shop' }),
    /app "Shop"/,
  ],
  [
    'an attribute that is new',
    ({ stored }) => stored.plant({ ...harmless, Weight: '5' }),
    /www A .* the attribute Weight/,
  ],
  [
    'a type that is new',
    ({ stored }) => stored.plant({ Name: 'x', Type: 'SVCB', Address: '1 .' }),
    /x SVCB 1 \. is of a type/,
  ],
  [
    'an email type that is new',
    ({ stored }) => {
      stored.emailType = 'ZOHO';
    },
    /email type "ZOHO" is not known/,
  ],
  [
    'no email type',
    ({ stored }) => {
      stored.emailType = '';
    },
    /email type "" is not known/,
  ],
  [
    'an attribute of the zone that is new',
    ({ stored }) => {
      stored.moreAttributes = { Locked: 'no' };
    },
    /the zone has the attribute Locked/,
  ],
  [
    'an element that is new',
    ({ stored }) => {
      stored.moreElements = '<srv Name="_sip._tcp" />';
    },
    /the zone has the element srv/,
  ],
  [
    'mail servers without their email type',
    ({ stored }) => stored.plant({ Name: '@', Type: 'MX', Address: 'mx.example.net.' }),
    /email type NONE/,
  ],
  [
    'foreign mail servers beside private mail',
    ({ stored }) => {
      stored.setEmailType('OX');
      stored.plant({ Name: '@', Type: 'MX', Address: 'mx.example.net.' });
    },
    /mx\.example\.net\. does not go with the email type OX/,
  ],
  [
    'mail to an address without its email type',
    ({ stored }) => stored.plant({ Name: '@', Type: 'MXE', Address: '192.0.2.1' }),
    /MXE 192\.0\.2\.1 does not go/,
  ],
  [
    'a mail server with two preferences',
    ({ stored }) => {
      stored.emailType = 'MX';
      for (const MXPref of ['10', '20'])
        stored.plant({ Name: '@', Type: 'MX', Address: 'mx.example.net.', MXPref });
    },
    /twice, with different preferences/,
  ],
  [
    'quotes in a TXT record',
    ({ stored }) => stored.plant({ Name: '@', Type: 'TXT', Address: '"v=spf1 -all"' }),
    /double quote/,
  ],
  ['a TTL beyond what can be set', ({ stored }) => stored.plant({ ...harmless, TTL: '86400' }), /TTL 86400/],
];
for (const [what, plant, words] of refused) {
  test(`${what} stops the write, is named, and loses nothing`, async () => {
    await using account = await openAccount();
    plant(account);
    const before = account.simulator.snapshot(DOMAIN);
    const error = await failure(account.publish(), 'ZONE_NOT_UNDERSTOOD');
    assert.match(error.message, words);
    assert.match(error.hint, /Advanced DNS/);
    assert.equal(error.retryable, false);
    assert.deepEqual(account.commands(), ['getHosts']);
    assert.deepEqual(account.simulator.snapshot(DOMAIN), before);
  });
}

test('a TXT value with quotes is not written', async () => {
  await using account = await openAccount();
  const quoted = create(record('app.example.com', 'TXT', 'a "b"'));
  await failure(account.provider.apply(ZONE, quoted, soon()), 'PROVIDER_REJECTED');
  assert.ok(!account.commands().includes('setHosts'));
});

describe('a write that goes wrong is told by the read after it', { concurrency: true }, () => {
  const mishaps: readonly (readonly [
    what: string,
    change: (host: StoredHost) => StoredHost[],
    words: RegExp,
  ])[] = [
    ['is lost', () => [], /www A 192\.0\.2\.1 \(TTL 1799\)\. What/],
    [
      'has another TTL',
      (host) => [{ ...host, TTL: '300' }],
      /www A 192\.0\.2\.1 \(TTL 1799\), now www A 192\.0\.2\.1 \(TTL 300\)/,
    ],
    ['has another address', (host) => [{ ...host, Address: '192.0.2.9' }], /now www A 192\.0\.2\.9/],
  ];
  for (const [what, change, words] of mishaps) {
    test(`a stranger ${what}`, async () => {
      await using account = await openAccount();
      const { stored, publish, files } = account;
      stored.plant(harmless);
      stored.mishap = (hosts) => hosts.flatMap((host) => (host.Name === 'www' ? change(host) : [host]));
      const error = await failure(publish(), 'ZONE_DAMAGED');
      assert.match(error.message, words);
      const backup = [...files.texts.keys()].find((name) => name.startsWith(`${DOMAIN}/`));
      assert.ok(backup && error.message.includes(`/memory/${backup}`) && error.hint.includes(backup));
    });
  }

  test('the email type has changed', async () => {
    await using account = await openAccount();
    const { stored, publish } = account;
    stored.emailType = 'FWD';
    stored.mishap = (hosts) => {
      stored.emailType = 'NONE';
      return [...hosts];
    };
    assert.match((await failure(publish(), 'ZONE_DAMAGED')).message, /the email type FWD, now NONE/);
  });

  test('ours was stored in other words', async () => {
    await using account = await openAccount();
    const { stored, publish } = account;
    stored.mishap = (hosts) => hosts.map((host) => ({ ...host, Address: host.Address.toLowerCase() }));
    const error = await failure(publish(), 'PROVIDER_REJECTED');
    assert.match(error.message, /BEEFbeef-_0123 .*, now .*beefbeef-_0123/);
  });

  test('ours is not there, as when somebody else wrote at the same moment', async () => {
    await using account = await openAccount();
    const { stored, publish } = account;
    stored.mishap = () => [];
    const error = await failure(publish(), 'PROVIDER_CONFLICT');
    assert.match(error.message, /_acme-challenge\.app TXT BEEFbeef-_0123 is not there/);
  });

  test('a read that fails afterwards says that the zone was written, and where the copy is', async () => {
    await using account = await openAccount();
    const { simulator, provider, publish } = account;
    await provider.records(ZONE, [DOMAIN], soon());
    simulator.failWhen(({ kind }) => kind === 'read', { kind: 'status', status: 500 }, 1);
    const error = await failure(publish(), 'PROVIDER_UNAVAILABLE');
    assert.match(
      error.message,
      /example\.com was written and not verified: .*HTTP 500.*\/memory\/example\.com\//,
    );
    assertSame(await provider.records(ZONE, [CHALLENGE.name], soon()), [CHALLENGE]);
  });

  test('somebody else may add hosts meanwhile', async () => {
    await using account = await openAccount();
    account.stored.mishap = (hosts) => [...hosts, ...hosts.map((host) => ({ ...host, Name: 'theirs' }))];
    await account.publish();
  });
});

/** Zones of hosts that the API can give back, in its own spelling. */
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

test('any zone of hosts that are understood is the same after a challenge has come and gone', async () => {
  await using account = await openAccount();
  const { stored } = account;
  await fc.assert(
    fc.asyncProperty(zone, async (hosts) => {
      stored.drop(() => true);
      stored.emailType = 'MX';
      for (const one of hosts) stored.plant(one);
      const { before, between, after } = await pass(account);
      assert.equal(between.length, before.length + 1);
      assert.deepEqual(after, before);
    }),
    { numRuns: 60 },
  );
});
