import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { ZonePublisher, ZoneRecord } from '../dns/publisher.ts';
import { createNamecheap } from './namecheap.ts';

const simulator = await createNamecheap({ zones: ['example.com', 'foreign.com', 'locked.com', 'other.com'] });
after(() => simulator[Symbol.asyncDispose]());
simulator.zone('foreign.com').access = 'foreign';
simulator.zone('locked.com').access = 'locked';
simulator.zone('other.com').access = 'other-servers';

type Fields = Readonly<Record<string, string>>;

/** The response to a form; an empty value omits the parameter. */
async function call(command: string, fields: Fields = {}, world = simulator, method = 'POST') {
  const form = new URLSearchParams({
    ApiUser: world.username,
    ApiKey: world.apiKey,
    UserName: world.username,
    ClientIp: world.clientIp,
    Command: `namecheap.domains.${command}`,
    SLD: 'example',
    TLD: 'com',
    ...fields,
  });
  for (const [name, value] of [...form]) if (value === '') form.delete(name);
  const url = `${world.baseUrl}/xml.response`;
  const response = await (method === 'GET' ? fetch(`${url}?${form}`) : fetch(url, { method, body: form }));
  const text = await response.text();
  const [, number] = /<Error Number="(\d+)">/.exec(text) ?? [];
  return { status: response.status, text, number: Number(number ?? 0) };
}

/** Calls setHosts with one host; its parameters have the number 1. */
function setOne(host: Fields, others: Fields = {}, world = simulator) {
  const numbered = Object.entries(host).map(([name, value]) => [`${name}1`, value]);
  return call('dns.setHosts', { ...Object.fromEntries(numbered), ...others }, world);
}

const A = { HostName: 'www', RecordType: 'A', Address: '192.0.2.1', TTL: '300' };

describe('the simulator refuses', { concurrency: true }, () => {
  const refused: readonly (readonly [what: string, number: number, fields: Fields])[] = [
    ['a call without a user', 1010101, { ApiUser: '' }],
    ['a call without a key', 1010102, { ApiKey: '' }],
    ['a call without a command', 1010104, { Command: '' }],
    ['an unknown command', 1010104, { Command: 'namecheap.domains.dns.setHost' }],
    ['a call without an address', 1010105, { ClientIp: '' }],
    ['an IPv6 address', 1011105, { ClientIp: '2001:db8::1' }],
    ['an address that is not on the whitelist', 1011150, { ClientIp: '192.0.2.1' }],
    ['an unknown key', 1011102, { ApiKey: 'x' }],
    ['a call without an account', 1019103, { UserName: '' }],
    ['another user’s account', 1016103, { UserName: 'bob' }],
    ['an unknown domain', 2019166, { SLD: 'unknown' }],
    ['a name below a domain', 2019166, { SLD: 'www.example' }],
    ['another user’s domain', 2016166, { SLD: 'foreign' }],
    ['a domain on other name servers', 2030288, { SLD: 'other' }],
  ];
  for (const [what, number, fields] of refused) {
    test(what, async () => assert.equal((await call('dns.getHosts', fields)).number, number));
  }

  test('a write to a locked domain', async () => {
    assert.equal((await call('dns.getHosts', { SLD: 'locked' })).number, 0);
    assert.equal((await setOne(A, { SLD: 'locked' })).number, 2030166);
  });

  const invalid: readonly (readonly [what: string, host: Fields, others?: Fields])[] = [
    ['an unsupported type', { ...A, RecordType: 'SRV' }],
    ['a name with a space', { ...A, HostName: 'a b' }],
    ['a name of more than 60 characters', { ...A, HostName: `${'a'.repeat(30)}.${'b'.repeat(30)}` }],
    ['a TTL of 59', { ...A, TTL: '59' }],
    ['a TTL of 60001', { ...A, TTL: '60001' }],
    ['an invalid address', { ...A, Address: 'localhost' }],
    ['an IPv4 address as AAAA', { ...A, RecordType: 'AAAA' }],
    ['a CNAME to an address', { ...A, RecordType: 'CNAME' }],
    ['a redirect without a scheme', { ...A, RecordType: 'URL', Address: 'example.net' }],
    ['CAA with an unknown tag', { ...A, RecordType: 'CAA', Address: '0 issuer "ca.example"' }],
    ['CAA with a space in it', { ...A, RecordType: 'CAA', Address: '0 issue "ca.example; a=b"' }],
    ['CAA iodef without a scheme', { ...A, RecordType: 'CAA', Address: '0 iodef "ops@example.com"' }],
    ['TXT of more than 2500 characters', { ...A, RecordType: 'TXT', Address: 'x'.repeat(2501) }],
    ['an unknown email type', A, { EmailType: 'ZOHO' }],
  ];
  for (const [what, host, others] of invalid) {
    test(what, async () => {
      await using world = await createNamecheap({ zones: ['example.com'] });
      world.zone('example.com').plant({ Name: '@', Type: 'A', Address: '192.0.2.1' });
      const before = world.snapshot('example.com');
      assert.equal((await setOne(host, others, world)).number, 2050900);
      assert.deepEqual(world.snapshot('example.com'), before);
    });
  }

  test('refuses more than 150 records, SRV included', async () => {
    await using world = await createNamecheap({ zones: ['example.com'] });
    const many = (length: number) =>
      Object.fromEntries(
        Array.from({ length }, (_, n) =>
          Object.entries(A).map(([name, value]) => [
            `${name}${n + 1}`,
            name === 'HostName' ? `n${n}` : value,
          ]),
        ).flat(),
      );
    const srv = { name: '_sip._tcp.example.com', type: 'SRV', ttl: 300, data: '0 1 5060 sip.example.net.' };
    assert.equal((await call('dns.setHosts', many(151), world)).number, 4013288);
    assert.equal((await call('dns.setHosts', many(150), world)).number, 0);
    world.zone('example.com').services = [srv];
    assert.equal((await call('dns.setHosts', many(150), world)).number, 4013288);
    assert.equal((await call('dns.setHosts', many(11), world, 'GET')).status, 404);
  });

  test('over the rate limit, responds with a bare 405', async () => {
    await using world = await createNamecheap({ zones: ['example.com'] });
    world.failNext({ kind: 'rate-limit' });
    const { status, text } = await setOne(A, {}, world);
    assert.deepEqual([status, text], [405, '']);
    assert.deepEqual(world.snapshot('example.com'), []);
  });
});

describe('a write', { concurrency: true }, () => {
  /** What getHosts returns for the only host after writing it. */
  async function stored(host: Fields, emailType = 'NONE') {
    await using world = await createNamecheap({ zones: ['example.com'] });
    assert.equal((await setOne(host, { EmailType: emailType }, world)).number, 0);
    const [one] = world.snapshot('example.com');
    return one && [one.Name, one.Type, one.Address, one.MXPref, one.TTL];
  }

  const spelled: readonly (readonly [
    host: Fields,
    expected: readonly string[] | undefined,
    emailType?: string,
  ])[] = [
    [{ ...A, HostName: 'WWW', MXPref: '20' }, ['www', 'A', '192.0.2.1', '10', '300']],
    [{ ...A, TTL: '' }, ['www', 'A', '192.0.2.1', '10', '1799']],
    [{ ...A, RecordType: 'CNAME', Address: 'a.example' }, ['www', 'CNAME', 'a.example.', '10', '300']],
    [
      { ...A, RecordType: 'CAA', Address: '0 issue ca.example' },
      ['www', 'CAA', '0 issue "ca.example"', '10', '300'],
    ],
    [{ ...A, RecordType: 'TXT', Address: '"a" b' }, ['www', 'TXT', 'a b', '10', '300']],
    [
      { ...A, RecordType: 'MX', Address: 'mx.example', MXPref: '5' },
      ['www', 'MX', 'mx.example.', '5', '300'],
      'MX',
    ],
    [{ ...A, RecordType: 'MX', Address: 'mx.example', MXPref: '5' }, undefined, 'FWD'],
    [{ ...A, RecordType: 'MXE' }, ['www', 'MXE', '192.0.2.1', '10', '300'], 'MXE'],
    [{ ...A, RecordType: 'MXE' }, undefined, 'MX'],
  ];
  for (const [host, expected, emailType] of spelled) {
    test(`${JSON.stringify(host)} with ${emailType ?? 'NONE'} is stored as ${expected?.join(' ') ?? 'nothing'}`, async () =>
      assert.deepEqual(await stored(host, emailType), expected));
  }

  test('deletes what is not sent, clears the flags of the website and assigns new numbers', async () => {
    await using world = await createNamecheap({ zones: ['example.com'] });
    const zone = world.zone('example.com');
    const { HostId } = zone.plant({
      Name: 'www',
      Type: 'A',
      Address: '192.0.2.1',
      TTL: '300',
      IsDDNSEnabled: 'true',
    });
    zone.plant({ Name: 'gone', Type: 'A', Address: '192.0.2.2' });
    await setOne(A, {}, world);
    assert.deepEqual(
      zone.hosts.map(({ Name, IsDDNSEnabled }) => [Name, IsDDNSEnabled]),
      [['www', 'false']],
    );
    assert.notEqual(zone.hosts[0]?.HostId, HostId);
  });

  test('keeps one of two mail servers that differ only in preference', async () => {
    await using world = await createNamecheap({ zones: ['example.com'] });
    const mx = (n: number, MXPref: string) =>
      Object.entries({ HostName: '@', RecordType: 'MX', Address: 'mx.example.', MXPref, TTL: '300' }).map(
        ([name, value]) => [`${name}${n}`, value],
      );
    await call(
      'dns.setHosts',
      { EmailType: 'MX', ...Object.fromEntries([...mx(1, '10'), ...mx(2, '20')]) },
      world,
    );
    assert.equal(world.zone('example.com').hosts.length, 1);
  });

  test('with private mail, replaces its mail servers', async () => {
    await using world = await createNamecheap({ zones: ['example.com'] });
    await setOne(A, { EmailType: 'OX' }, world);
    assert.deepEqual(
      world.snapshot('example.com').map(({ Type }) => Type),
      ['A', 'MX', 'MX'],
    );
  });
});

test('responds with one <host> in lower case for each host, and escapes XML characters', async () => {
  await using world = await createNamecheap({ zones: ['example.com'] });
  world.zone('example.com').plant({ Name: '@', Type: 'TXT', Address: '<a> & "b"\n' });
  const { text } = await call('dns.getHosts', {}, world);
  assert.match(
    text,
    /<host HostId="\d+" Name="@" Type="TXT" Address="&lt;a&gt; &amp; &quot;b&quot;&#10;" MXPref="10" TTL="1799"/,
  );
  assert.match(text, /<DomainDNSGetHostsResult Domain="example.com" EmailType="NONE" IsUsingOurDNS="true">/);
});

class Recorder implements ZonePublisher {
  readonly published: (readonly [zone: string, records: readonly ZoneRecord[]])[] = [];
  async publish(zone: string, content: readonly ZoneRecord[]): Promise<void> {
    this.published.push([zone, content]);
  }
}

test('publishes what the name servers answer: no CNAME to an underscore name, a server for redirects', async () => {
  const publisher = new Recorder();
  await using world = await createNamecheap({ zones: ['example.com'], publisher });
  const zone = world.zone('example.com');
  const hosts: Fields[] = [
    { HostName: '_acme-challenge', RecordType: 'TXT', Address: 'a\\b', TTL: '60' },
    { HostName: 'app', RecordType: 'CNAME', Address: '_.gateway.example.net', TTL: '60' },
    { HostName: 'www', RecordType: 'CNAME', Address: 'gateway.example.net', TTL: '60' },
    { HostName: '@', RecordType: 'URL', Address: 'http://www.example.com', TTL: '60' },
    { HostName: '@', RecordType: 'MX', Address: 'mx.example.net', MXPref: '20', TTL: '60' },
  ];
  const numbered = hosts.flatMap((host, n) =>
    Object.entries(host).map(([name, value]) => [`${name}${n + 1}`, value]),
  );
  await call('dns.setHosts', { EmailType: 'MX', ...Object.fromEntries(numbered) }, world);
  assert.equal(zone.hosts.length, 5);
  const [[name, records] = ['', []]] = publisher.published;
  assert.equal(name, 'example.com');
  assert.deepEqual(
    records.map(({ name: owner, type, data }) => `${owner} ${type} ${data}`),
    [
      '_acme-challenge.example.com TXT "a\\\\b"',
      'www.example.com CNAME gateway.example.net.',
      'example.com A 192.0.2.80',
      'example.com MX 20 mx.example.net.',
    ],
  );
});
