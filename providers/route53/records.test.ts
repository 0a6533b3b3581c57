import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isIngressError } from '../../src/errors.ts';
import type { ApiRecordSet } from './answers.ts';
import { fromValue, isOfZone, isSimple, nameOf, normalizeTtl, toCurrentRecords, toValue } from './records.ts';

const record = (type: string, value: string) => ({ name: 'a.example', type, value, ttl: 60 });

const values: readonly (readonly [type: string, written: string, value: string])[] = [
  ['A', '192.0.2.1', '192.0.2.1'],
  ['AAAA', '2001:DB8:0::0:1', '2001:db8::1'],
  ['CNAME', 'Target.Example.NET.', 'target.example.net'],
  ['CNAME', '_.example.net', '_.example.net'],
  ['CNAME', '\\052.example.net.', '*.example.net'],
  ['TXT', '"quoted"', 'quoted'],
  ['TXT', '"one" "two"', 'onetwo'],
  ['TXT', '"a \\"b\\" \\\\"', 'a "b" \\'],
  ['TXT', '"\\101\\102C"', 'ABC'],
  ['TXT', '"\\303\\251"', 'é'],
  ['TXT', '"\\303" "\\251"', 'é'],
  ['TXT', '"Case Is Kept"', 'Case Is Kept'],
  ['CAA', '0 ISSUE "letsencrypt.org"', '0 issue "letsencrypt.org"'],
  ['CAA', 'something else', 'something else'],
  ['MX', '10 Mail.Example.net', '10 Mail.Example.net'],
];
for (const [type, written, value] of values) {
  test(`${type} ${written} is read as ${value}`, () => assert.equal(toValue(type, written), value));
}

const written: readonly (readonly [type: string, value: string, written: string])[] = [
  ['A', '192.0.2.1', '192.0.2.1'],
  ['CNAME', 'target.example.net', 'target.example.net.'],
  ['TXT', 'a "b" \\', '"a \\"b\\" \\\\"'],
  ['TXT', 'é\n', '"\\303\\251\\012"'],
  ['TXT', '', '""'],
  ['TXT', 'x'.repeat(256), `"${'x'.repeat(255)}" "x"`],
  ['CAA', '0 issue "ca.example"', '0 issue "ca.example"'],
];
for (const [type, value, text] of written) {
  test(`${type} ${value} is written as ${text}`, () => assert.equal(fromValue(record(type, value)), text));
}

test('any text is read back as it was written', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (text) => {
      const data = fromValue(record('TXT', text));
      assert.equal(toValue('TXT', data), text);
      assert.match(data, /^[\x20-\x7e]*$/);
      assert.doesNotMatch(data.replace(/\\(?:[0-3][0-7]{2}|["\\])/g, ''), /\\/, 'an escape that is none');
    }),
  );
});

for (const [type, value] of [
  ['CAA', 'issue ca'],
  ['MX', '10 mail'],
] as const) {
  test(`a ${type} of ${value} is rejected`, () => {
    assert.throws(
      () => fromValue(record(type, value)),
      (thrown) => isIngressError(thrown, 'PROVIDER_REJECTED'),
    );
  });
}

test('names are read in lower case, without trailing dot and escapes', () => {
  assert.equal(nameOf('\\052.App.Example.COM.'), '*.app.example.com');
  assert.equal(nameOf('a\\100b.example'), 'a@b.example');
});

for (const [wanted, ttl] of [
  [-1, 0],
  [0, 0],
  [59.7, 60],
  [300, 300],
  [1e12, 2_147_483_647],
] as const) {
  test(`a TTL of ${wanted} becomes ${ttl}`, () => assert.equal(normalizeTtl(wanted), ttl));
}

const SIMPLE: ApiRecordSet = {
  Name: 'a.example.',
  Type: 'A',
  TTL: 60,
  ResourceRecords: [{ Value: '192.0.2.1' }],
};
const AliasTarget = { HostedZoneId: 'Z2', DNSName: 'LB.example.net.', EvaluateTargetHealth: false };

const special: readonly (readonly [set: ApiRecordSet, overriddenBy: string, value: string])[] = [
  [{ ...SIMPLE, SetIdentifier: 'blue', Weight: 0 }, 'route53-routing-policy', '192.0.2.1'],
  [{ ...SIMPLE, HealthCheckId: 'h' }, 'route53-health-check', '192.0.2.1'],
  [{ Name: 'a.example.', Type: 'A', AliasTarget }, 'route53-alias', 'ALIAS lb.example.net'],
  [
    { Name: 'a.example.', Type: 'A', AliasTarget, SetIdentifier: 'x', Region: 'eu-west-1' },
    'route53-routing-policy',
    'ALIAS lb.example.net',
  ],
  [
    { Name: 'a.example.', Type: 'A', TrafficPolicyInstanceId: 't' },
    'route53-traffic-policy',
    'TRAFFIC POLICY',
  ],
  [{ ...SIMPLE, PartOfTomorrow: 'x' }, 'route53-health-check', '192.0.2.1'],
];
for (const [set, overriddenBy, value] of special) {
  test(`${JSON.stringify(set)} is overridden by ${overriddenBy}`, () => {
    assert.equal(isSimple(set), false);
    const [current] = toCurrentRecords(set);
    assert.deepEqual(
      [current?.overriddenBy, current?.value, current?.handle],
      [overriddenBy, value, ['a.example A', set.SetIdentifier].filter(Boolean).join(' ')],
    );
  });
}

test('empty fields are ignored', () => {
  assert.equal(isSimple({ ...SIMPLE, SetIdentifier: undefined, Weight: undefined }), true);
});

test('the SOA and NS records at the apex belong to the zone, other NS records do not', () => {
  const of = (Name: string, Type: string) => isOfZone({ ...SIMPLE, Name, Type }, 'a.example');
  assert.deepEqual(
    [of('a.example.', 'SOA'), of('a.example.', 'NS'), of('b.a.example.', 'NS'), of('a.example.', 'A')],
    [true, true, false, false],
  );
});
