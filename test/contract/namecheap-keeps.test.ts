import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UnwritableReason } from '../../providers/namecheap/hosts.ts';
import type { StoredHost } from '../world/apis/namecheap.ts';
import { type Account, comeAndGo, DOMAIN, openAccount } from './namecheap-account.ts';
import { create, failure, record, soon } from './support.ts';

/**
 * setHosts replaces the whole zone and deletes what is not sent. These tests show that nothing gets
 * lost.
 */

const ZONE = { id: DOMAIN, name: DOMAIN };

type Fields = Partial<StoredHost> & Pick<StoredHost, 'Name' | 'Type' | 'Address'>;

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
  ['Namecheap’s private mail', 'OX', [{ Name: 'www', Type: 'A', Address: '192.0.2.1' }]],
  ['Google’s mail', 'GMAIL', [{ Name: 'www', Type: 'A', Address: '192.0.2.1' }]],
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
  ['a zone without hosts', 'MX', []],
];
for (const [what, emailType, hosts] of kept) {
  test(`${what} stay byte for byte`, async () => {
    await using account = await openAccount();
    for (const host of hosts) account.stored.plant(host);
    if (emailType === 'OX' || emailType === 'GMAIL') account.stored.setEmailType(emailType);
    else account.stored.emailType = emailType;
    const { before, between, after } = await comeAndGo(account);
    assert.deepEqual(after, before);
    assert.equal(between.length, before.length + 1);
    assert.equal(account.stored.emailType, emailType);
  });
}

test('SRV records, which the API does not return, are kept', async () => {
  await using account = await openAccount();
  const services = [
    { name: `_sip._tcp.${DOMAIN}`, type: 'SRV', ttl: 1799, data: '0 1 5060 sip.example.net.' },
  ];
  account.stored.services = services;
  await comeAndGo(account);
  assert.deepEqual(account.stored.services, services);
});

test('labels of the website do not prevent a write', async () => {
  await using account = await openAccount();
  const parking = { Name: 'www', Type: 'CNAME', Address: 'parkingpage.namecheap.com.' };
  account.stored.plant({ ...parking, FriendlyName: 'CNAME Record' });
  await account.publish();
  assert.ok(account.stored.hosts.some(({ Address }) => Address === parking.Address));
});

const harmless = { Name: 'www', Type: 'A', Address: '192.0.2.1' };
const refused: readonly (readonly [
  what: string,
  plant: (account: Account) => void,
  reason: UnwritableReason,
])[] = [
  ['a dynamic DNS host', ({ stored }) => stored.plant({ ...harmless, IsDDNSEnabled: 'true' }), 'dynamic'],
  ['an inactive host', ({ stored }) => stored.plant({ ...harmless, IsActive: 'false' }), 'inactive'],
  ['a host of an app', ({ stored }) => stored.plant({ ...harmless, AssociatedAppTitle: 'Shop' }), 'app'],
  ['an unknown attribute', ({ stored }) => stored.plant({ ...harmless, Weight: '5' }), 'unknown-part'],
  [
    'an unknown type',
    ({ stored }) => stored.plant({ Name: 'x', Type: 'SVCB', Address: '1 .' }),
    'unknown-type',
  ],
  [
    'an unknown email type',
    ({ stored }) => {
      stored.emailType = 'ZOHO';
    },
    'unknown-email-type',
  ],
  [
    'no email type',
    ({ stored }) => {
      stored.emailType = '';
    },
    'unknown-email-type',
  ],
  [
    'an unknown attribute of the zone',
    ({ stored }) => {
      stored.moreAttributes = { Locked: 'no' };
    },
    'unknown-part',
  ],
  [
    'an unknown element',
    ({ stored }) => {
      stored.moreElements = '<srv Name="_sip._tcp" />';
    },
    'unknown-part',
  ],
  [
    'mail servers without their email type',
    ({ stored }) => stored.plant({ Name: '@', Type: 'MX', Address: 'mx.example.net.' }),
    'mail',
  ],
  [
    'foreign mail servers beside private mail',
    ({ stored }) => {
      stored.setEmailType('OX');
      stored.plant({ Name: '@', Type: 'MX', Address: 'mx.example.net.' });
    },
    'mail',
  ],
  [
    'mail to an address without its email type',
    ({ stored }) => stored.plant({ Name: '@', Type: 'MXE', Address: '192.0.2.1' }),
    'mail',
  ],
  [
    'a mail server with two preferences',
    ({ stored }) => {
      stored.emailType = 'MX';
      for (const MXPref of ['10', '20'])
        stored.plant({ Name: '@', Type: 'MX', Address: 'mx.example.net.', MXPref });
    },
    'duplicate',
  ],
  [
    'an address with two TTLs',
    ({ stored }) => {
      for (const TTL of ['60', '300']) stored.plant({ Name: 'www', Type: 'A', Address: '192.0.2.1', TTL });
    },
    'duplicate',
  ],
  [
    'quotes in a TXT record',
    ({ stored }) => stored.plant({ Name: '@', Type: 'TXT', Address: '"v=spf1 -all"' }),
    'quote',
  ],
  ['a TTL beyond what can be set', ({ stored }) => stored.plant({ ...harmless, TTL: '86400' }), 'ttl'],
];
for (const [what, plant, reason] of refused) {
  test(`${what} stops the write, is named, and loses nothing`, async () => {
    await using account = await openAccount();
    plant(account);
    const before = account.simulator.snapshot(DOMAIN);
    const error = await failure(account.publish(), 'ZONE_NOT_UNDERSTOOD');
    assert.deepEqual(error.details, { reasons: [reason] });
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

test('a host that the change itself removes does not stop the write', async () => {
  await using account = await openAccount();
  const { stored, provider, simulator } = account;
  const name = `_dstack-app-address.app.${DOMAIN}`;
  stored.plant({ Name: '_dstack-app-address.app', Type: 'TXT', Address: '"older:443"' });
  const [replaced] = await provider.records(ZONE, [name], soon());
  assert.ok(replaced);
  const wanted = record(name, 'TXT', 'newer:443');
  await provider.apply(ZONE, [{ action: 'replace', record: wanted, replaced }], soon());
  assert.deepEqual(
    simulator.snapshot(DOMAIN).map((host) => Object(host).Address),
    ['newer:443'],
  );
});

test('a duplicate with another TTL does not stop the write that removes one of the two', async () => {
  await using account = await openAccount();
  const { stored, provider, simulator } = account;
  const name = `_dstack-app-address.app.${DOMAIN}`;
  for (const TTL of ['60', '300'])
    stored.plant({ Name: '_dstack-app-address.app', Type: 'TXT', Address: 'app:443', TTL });
  const [removed] = await provider.records(ZONE, [name], soon());
  assert.ok(removed);
  await provider.apply(ZONE, [{ action: 'remove', removed }], soon());
  assert.deepEqual(
    simulator.snapshot(DOMAIN).map((host) => Object(host).TTL),
    ['300'],
  );
});
