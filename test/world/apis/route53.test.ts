import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { ZonePublisher, ZoneRecord } from '../dns/publisher.ts';
import { createRoute53, type Route53Simulator } from './route53.ts';
import { batch, type SignedChange, type SignedOptions, sendSigned, set } from './route53-signed.ts';

const simulator = await createRoute53({ zones: ['example.com', 'example.net'] });
after(() => simulator[Symbol.asyncDispose]());
const ZONES = '/2013-04-01/hostedzone';
const CHANGE = '/2013-04-01/change';
const rrset = (world: Route53Simulator, zone = 'example.com') => `${ZONES}/${world.zoneId(zone)}/rrset`;
const limited = simulator.addUser({
  listZones: false,
  getChange: false,
  zones: { [simulator.zoneId('example.com')]: { read: true, write: true } },
  recordNames: ['x.example.com', '\\052.example.com'],
  recordTypes: ['TXT'],
  actions: ['CREATE', 'DELETE'],
});

const change = (world: Route53Simulator, ...changes: readonly SignedChange[]) =>
  sendSigned(world, 'POST', rrset(world), { body: batch(...changes) });

type Refused = readonly [what: string, code: string, words: RegExp, target: string, options?: SignedOptions];

describe('the simulator refuses requests', { concurrency: true }, () => {
  const unknown = { accessKeyId: 'AKIAUNKNOWN', secretAccessKey: 'x', sessionToken: undefined };
  const { accessKeyId, secretAccessKey } = simulator.user;
  const wrong = { ...unknown, accessKeyId };
  const tokened = { accessKeyId, secretAccessKey, sessionToken: 'x' };
  const late = new Date(Date.now() - 6 * 60_000);
  const refused: readonly Refused[] = [
    ['without a signature', 'MissingAuthenticationToken', /Missing/, ZONES, { unsigned: true }],
    ['with an unknown key', 'InvalidClientTokenId', /token.*invalid/, ZONES, { user: unknown }],
    ['with another secret', 'SignatureDoesNotMatch', /AWS Secret/, ZONES, { user: wrong }],
    ['with a token that the key does not have', 'InvalidClientTokenId', /invalid/, ZONES, { user: tokened }],
    ['with an old signature', 'SignatureDoesNotMatch', /Signature expired/, ZONES, { date: late }],
    ['for another region', 'SignatureDoesNotMatch', /us-east-1/, ZONES, { region: 'eu-west-1' }],
    ['for another service', 'SignatureDoesNotMatch', /route53/, ZONES, { service: 'sts' }],
    ['with an unknown path', 'UnknownOperationException', /./, '/2013-04-01/nothing'],
    ['for an unknown zone', 'NoSuchHostedZone', /ZNONE/, `${ZONES}/ZNONE/rrset`],
    ['for an unknown change', 'NoSuchChange', /CNONE/, `${CHANGE}/CNONE`],
    ['with a type but no name', 'InvalidInput', /Name/, `${rrset(simulator)}?type=A`],
    [
      'for zones without the permission',
      'AccessDenied',
      /: route53:ListHostedZones on .*: \*/,
      ZONES,
      { user: limited },
    ],
    [
      'for a zone without the permission',
      'AccessDenied',
      /:ListResourceRecordSets on .*hostedzone\/Z/,
      rrset(simulator, 'example.net'),
      { user: limited },
    ],
    [
      'for a change without the permission',
      'AccessDenied',
      /:GetChange on .*change\/C1/,
      `${CHANGE}/C1`,
      { user: limited },
    ],
  ];
  for (const [what, code, words, target, options] of refused) {
    test(what, async () => {
      const answer = await sendSigned(simulator, 'GET', target, options);
      assert.equal(answer.code, code, answer.text);
      assert.match(answer.message, words);
    });
  }
});

describe('the simulator refuses changes', { concurrency: true }, () => {
  const txt = ['"x"'];
  const many = Array.from({ length: 300 }, (_, index) => `192.0.${index % 2}.${index % 256}`).slice(0, 256);
  const long = Array.from({ length: 130 }, (_, index) => `"${String(index).padStart(250, 'x')}"`);
  const refused: readonly (readonly [what: string, words: RegExp, ...SignedChange[]])[] = [
    ['with an unknown action', /Action/, ['REPLACE', set('A', ['192.0.2.1'])]],
    ['with an unknown type', /Type/, ['CREATE', set('LOC', ['x'])]],
    [
      'without a TTL',
      /exactly one of \[AliasTarget/,
      ['CREATE', set('TXT', txt).replace(/<TTL>.*<.TTL>/, '')],
    ],
    ['with a negative TTL', /TTL/, ['CREATE', set('TXT', txt, { ttl: -1 })]],
    ['with an invalid address', /ARRDATAIllegalIPv4Address.*with 'x'/, ['CREATE', set('A', ['x'])]],
    ['with an invalid IPv6 address', /IllegalIPv6Address/, ['CREATE', set('AAAA', ['192.0.2.1'])]],
    ['with TXT without quotes', /enclosed in quotation marks/, ['CREATE', set('TXT', ['x'])]],
    ['with TXT beyond ASCII', /unsupported characters/, ['CREATE', set('TXT', ['"é"'])]],
    ['with a string of 256', /CharacterStringTooLong/, ['CREATE', set('TXT', [`"${'x'.repeat(256)}"`])]],
    ['with CAA without quotes', /CAARRDATA/, ['CREATE', set('CAA', ['0 issue ca.example'])]],
    ['with a CNAME to a URL', /unsupported characters/, ['CREATE', set('CNAME', ['https://x.example'])]],
    ['with two CNAME values', /more than one/, ['CREATE', set('CNAME', ['a.example', 'b.example'])]],
    ['with a duplicate value', /Duplicate Resource Record/, ['CREATE', set('TXT', [...txt, ...txt])]],
    [
      'in another zone',
      /not permitted in zone example\.com\./,
      ['CREATE', set('TXT', txt, { name: 'x.example.net' })],
    ],
    [
      'with a CNAME at the apex',
      /not permitted at apex/,
      ['CREATE', set('CNAME', ['a.example'], { name: 'example.com' })],
    ],
    ['to the SOA', /already exists/, ['CREATE', set('SOA', ['x'], { name: 'example.com' })]],
    [
      'to a missing RRset',
      /name='nothing\.example\.com\.'.*not found/,
      ['DELETE', set('TXT', txt, { name: 'nothing.example.com' })],
    ],
    [
      'with more than 1000 values; an UPSERT counts twice',
      /limit of 1000/,
      ['UPSERT', set('A', many)],
      ['UPSERT', set('A', many, { name: 'y.example.com' })],
    ],
    ['with more than 32000 characters', /limit of 32000/, ['CREATE', set('TXT', long)]],
  ];
  for (const [what, words, ...changes] of refused) {
    test(what, async () => {
      const answer = await change(simulator, ...changes);
      assert.equal(answer.status, 400, answer.text);
      assert.match(answer.message, words);
    });
  }

  test('that are not XML', async () => {
    const answer = await sendSigned(simulator, 'POST', rrset(simulator), { body: '<a><b></a>' });
    assert.deepEqual([answer.status, answer.code], [400, 'MalformedInput']);
  });

  for (const [what, action, one] of [
    ['name', 'CREATE', set('TXT', txt, { name: 'y.example.com' })],
    ['type', 'CREATE', set('A', ['192.0.2.1'])],
    ['action', 'UPSERT', set('TXT', txt)],
  ] as const) {
    test(`with a ${what} that a policy condition does not list`, async () => {
      const options = { user: limited, body: batch([action, one]) };
      const answer = await sendSigned(simulator, 'POST', rrset(simulator), options);
      assert.match(answer.message, /not authorized to perform: route53:ChangeResourceRecordSets/);
    });
  }
});

test('policy conditions see names in lower case, in octal, without the final dot', async () => {
  const body = batch(['CREATE', set('TXT', ['"x"'], { name: '*.Example.com.' })]);
  const answer = await sendSigned(simulator, 'POST', rrset(simulator), { user: limited, body });
  assert.equal(answer.status, 200, answer.text);
});

test('refuses to remove the zone’s SOA and NS records', async () => {
  for (const { Type, TTL, Name, values } of simulator.setsOf('example.com')) {
    if (Type !== 'SOA' && Type !== 'NS') continue;
    const answer = await change(simulator, ['DELETE', set(Type, values, { name: Name, ttl: TTL ?? 0 })]);
    assert.match(answer.message, /A HostedZone must contain/);
  }
});

test('a removal has to repeat the current values, in any order, and a batch is atomic', async () => {
  await using world = await createRoute53({ zones: ['example.com'] });
  world.plant('example.com', { Name: 'x.example.com.', Type: 'TXT', TTL: 60, values: ['"a"', '"b"'] });
  const before = world.setsOf('example.com');
  const created = ['CREATE', set('TXT', ['"c"'])] as const;
  for (const wrong of [set('TXT', ['"a"']), set('TXT', ['"a"', '"b"'], { ttl: 61 })]) {
    const answer = await change(world, ['CREATE', set('A', ['192.0.2.1'])], ['DELETE', wrong]);
    assert.match(answer.message, /values provided do not match the current values/);
  }
  assert.match((await change(world, created)).message, /already exists/);
  assert.deepEqual(world.setsOf('example.com'), before);
  assert.equal((await change(world, ['DELETE', set('TXT', ['"b"', '"a"'])], created)).status, 200);
  assert.deepEqual(world.setsOf('example.com').at(-1)?.values, ['"c"']);
});

test('refuses anything beside a CNAME or beside an RRset without a routing policy', async () => {
  await using world = await createRoute53({ zones: ['example.com'] });
  const alias = set('CNAME', ['a.example']);
  const weighted = set('A', ['192.0.2.2'], { more: '<SetIdentifier>a</SetIdentifier><Weight>1</Weight>' });
  const plain = set('A', ['192.0.2.1']);
  assert.equal((await change(world, ['CREATE', plain])).status, 200);
  assert.match((await change(world, ['CREATE', alias])).message, /CNAME.*conflicts with other records/);
  assert.match((await change(world, ['CREATE', weighted])).message, /other RRSets exist/);
  assert.equal((await change(world, ['DELETE', plain], ['CREATE', alias])).status, 200);
  assert.match((await change(world, ['CREATE', plain])).message, /conflicting RRSet of type {2}CNAME/);
});

test('a list begins at the requested name, in the order of reversed labels, and continues', async () => {
  await using world = await createRoute53({ zones: ['example.com'] });
  for (const name of ['b', 'a', '\\052', '_x.a', 'c.b']) {
    world.plant('example.com', { Name: `${name}.example.com.`, Type: 'TXT', TTL: 60, values: ['"x"'] });
  }
  const names = (await sendSigned(world, 'GET', rrset(world)))
    .all('Name')
    .map((name) => name.replace('example.com.', ''));
  assert.deepEqual(names, ['', '', '\\052.', 'a.', '_x.a.', 'b.', 'c.b.']);
  const page = await sendSigned(world, 'GET', `${rrset(world)}?name=a.example.com&maxitems=2`);
  assert.deepEqual(page.all('Name'), ['a.example.com.', '_x.a.example.com.']);
  assert.deepEqual(
    [page.all('IsTruncated'), page.all('NextRecordName'), page.all('NextRecordType')],
    [['true'], ['b.example.com.'], ['TXT']],
  );
});

test('only a trusted principal can assume a role, and the role’s keys need their session token', async () => {
  await using world = await createRoute53({ zones: ['example.com'] });
  const arn = world.addRole({ name: 'dns', externalId: 'e1', grants: { listZones: false } });
  const assume = (externalId: string) => {
    const fields = {
      Action: 'AssumeRole',
      Version: '2011-06-15',
      RoleArn: arn,
      RoleSessionName: 'me',
      ExternalId: externalId,
    };
    return sendSigned(world, 'POST', '/', { service: 'sts', body: new URLSearchParams(fields).toString() });
  };
  assert.match(
    (await assume('e2')).message,
    /not authorized to perform: sts:AssumeRole on resource: arn:aws:iam/,
  );
  assert.equal((await assume('e1')).status, 200);
  const session = world.sessions().at(-1);
  assert.ok(session);
  const { accessKeyId, secretAccessKey } = session;
  const tokenless = { accessKeyId, secretAccessKey, sessionToken: undefined };
  assert.equal((await sendSigned(world, 'GET', ZONES, { user: tokenless })).code, 'InvalidClientTokenId');
  assert.match(
    (await sendSigned(world, 'GET', ZONES, { user: session })).message,
    /assumed-role\/dns\/me is not authorized/,
  );
  session.expires = 0;
  assert.equal((await sendSigned(world, 'GET', ZONES, { user: session })).code, 'ExpiredToken');
});

class Recorder implements ZonePublisher {
  readonly published: (readonly [zone: string, records: readonly ZoneRecord[]])[] = [];
  async publish(zone: string, content: readonly ZoneRecord[]): Promise<void> {
    this.published.push([zone, content]);
  }
}

test('publishes every write as the name servers serve it, and reports INSYNC afterwards', {
  timeout: 5000,
}, async () => {
  const publisher = new Recorder();
  await using world = await createRoute53({ zones: ['example.com'], publisher, publishDelayMs: 30 });
  const target =
    '<AliasTarget><HostedZoneId>Z1</HostedZoneId><DNSName>lb.example.</DNSName><EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>';
  const alias = `<ResourceRecordSet><Name>example.com</Name><Type>A</Type>${target}</ResourceRecordSet>`;
  const made = await change(
    world,
    ['CREATE', set('TXT', ['"\\303\\251"'], { name: '*.example.com' })],
    ['CREATE', alias],
  );
  assert.deepEqual(made.all('Status'), ['PENDING']);
  const status = async () =>
    (await sendSigned(world, 'GET', `/2013-04-01${made.all('Id')[0]}`)).all('Status')[0];
  assert.deepEqual([await status(), publisher.published], ['PENDING', []]);
  await world.published();
  while ((await status()) !== 'INSYNC');
  assert.deepEqual(publisher.published, [
    [
      'example.com',
      [
        { name: 'example.com.', type: 'A', ttl: 60, data: '198.51.100.53' },
        { name: '*.example.com.', type: 'TXT', ttl: 60, data: '"\\195\\169"' },
      ],
    ],
  ]);
});
