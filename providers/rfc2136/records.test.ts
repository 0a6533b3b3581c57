import assert from 'node:assert/strict';
import { test } from 'node:test';
import packet from 'dns-packet';
import fc from 'fast-check';
import { isIngressError } from '../../src/errors.ts';
import { apexOf, cutAbove, normalizeTtl, toData, toRecord, typeName, typeNumber } from './records.ts';
import { CLASSES, type Decoded, encodeName, TYPES } from './wire.ts';

const record = (type: string, value: string) => ({ name: 'app.example.com', type, value, ttl: 60 });
const again = (type: string, value: string) =>
  toRecord({
    ...record(type, value),
    type: typeNumber(type),
    class: CLASSES.IN,
    data: toData(record(type, value)),
  });

const values: readonly (readonly [type: string, value: string])[] = [
  ['A', '192.0.2.1'],
  ['AAAA', '2001:db8::1'],
  ['AAAA', '::'],
  ['AAAA', '1:2:3:4:5:6:7:8'],
  ['AAAA', '::ffff:c000:201'],
  ['CNAME', '_under.example.net'],
  ['TXT', ''],
  ['TXT', 'a "quoted" \\ one; é'],
  ['TXT', 'x'.repeat(600)],
  ['CAA', '128 iodef "mailto:ops@example.com"'],
  ['CAA', '0 issue ";"'],
];
for (const [type, value] of values) {
  test(`${type} ${value.slice(0, 40)} is decoded to what was encoded`, () => {
    assert.deepEqual(again(type, value), record(type, value));
  });
}

test('any text is decoded to what was encoded, in strings of at most 255 octets', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 400 }), (text) => {
      const value = text.toWellFormed();
      assert.equal(again('TXT', value).value, value);
      const data = toData(record('TXT', value));
      for (let at = 0; at < data.length; at += 1 + data.readUInt8(at)) assert.ok(data.readUInt8(at) <= 255);
    }),
  );
});

test('an address is encoded like by another library', () => {
  for (const value of ['2001:db8::1', 'fe80::1:0:0:1', '::1', '1::']) {
    const message = packet.encode({ type: 'response', answers: [{ name: 'a', type: 'AAAA', data: value }] });
    assert.deepEqual(toData(record('AAAA', value)), message.subarray(-16));
  }
});

test('other spellings on the server become canonical', () => {
  const read = (type: number, data: Buffer) =>
    toRecord({ name: 'App.Example.COM', type, class: CLASSES.IN, ttl: 60, data }).value;
  assert.equal(read(TYPES.CNAME, encodeName('Gateway.Example.NET')), 'gateway.example.net');
  assert.equal(read(TYPES.CAA, Buffer.from('\x00\x05ISSUEca.example', 'latin1')), '0 issue "ca.example"');
  assert.equal(read(TYPES.MX, Buffer.concat([Buffer.of(0, 10), encodeName('MX.example')])), '10 mx.example');
  const srv = Buffer.concat([Buffer.of(0, 1, 0, 2, 1, 187), encodeName('a.example')]);
  assert.equal(read(TYPES.SRV, srv), '1 2 443 a.example');
  assert.equal(read(65_280, Buffer.of(10, 0)), '\\# 2 0a00');
});

test('types have names and numbers', () => {
  assert.deepEqual([typeName(257), typeName(65_280)], ['CAA', 'TYPE65280']);
  assert.deepEqual([typeNumber('CAA'), typeNumber('TYPE65280')], [257, 65_280]);
});

test('a value or type that cannot be written is rejected', () => {
  for (const [type, value] of [
    ['A', '2001:db8::1'],
    ['AAAA', '192.0.2.1'],
    ['CAA', 'issue ca.example'],
    ['CNAME', 'a..b'],
    ['MX', '10 mx.example'],
  ] as const) {
    assert.throws(
      () => toData(record(type, value)),
      (thrown) => isIngressError(thrown, 'PROVIDER_REJECTED'),
    );
  }
  assert.throws(
    () => typeNumber('WHATEVER'),
    (thrown) => isIngressError(thrown, 'PROVIDER_REJECTED'),
  );
});

test('a TTL is kept, rounded and limited to 31 bits', () => {
  assert.deepEqual([0, 1, 60.4, 2 ** 40].map(normalizeTtl), [0, 1, 60, 2_147_483_647]);
});

const rr = (name: string, type: number) => ({ name, type, class: CLASSES.IN, ttl: 1, data: Buffer.alloc(0) });
const SOA = (name: string) => rr(name, TYPES.SOA);
const reply = (more: Partial<Decoded>): Decoded => ({
  id: 1,
  opcode: 0,
  rcode: 0,
  isResponse: true,
  isAuthoritative: true,
  question: undefined,
  answers: [],
  authorities: [],
  tsig: undefined,
  ...more,
});

const cases: readonly (readonly [what: string, reply: Decoded, apex: string | undefined])[] = [
  ['the name is the apex', reply({ answers: [SOA('App.Example.com')] }), 'app.example.com'],
  ['the name has no SOA record', reply({ authorities: [SOA('example.com')] }), 'example.com'],
  ['the name does not exist', reply({ rcode: 3, authorities: [SOA('example.com')] }), 'example.com'],
  ['a CNAME leads elsewhere', reply({ answers: [rr('app.example.com', TYPES.CNAME)] }), undefined],
  [
    'a CNAME leads to a name without SOA record',
    reply({ answers: [rr('app.example.com', TYPES.CNAME)], authorities: [SOA('example.com')] }),
    undefined,
  ],
  [
    'a CNAME leads to the apex above',
    reply({ answers: [rr('app.example.com', TYPES.CNAME), SOA('example.com')] }),
    undefined,
  ],
  [
    'the SOA record is of a zone that does not hold the name',
    reply({ authorities: [SOA('example.net')] }),
    undefined,
  ],
  ['the answer is from a cache', reply({ isAuthoritative: false, authorities: [SOA('com')] }), undefined],
  ['the query is refused', reply({ rcode: 5, authorities: [SOA('example.com')] }), undefined],
];
for (const [what, decoded, apex] of cases) {
  test(`if ${what}, the zone is ${apex ?? 'unknown'}`, () => {
    assert.equal(apexOf('app.example.com', decoded), apex);
  });
}

test('a delegation covers the names below it, by whole labels, and the apex is no delegation', () => {
  const cuts = ['example.com', 'sub.example.com', 'a.sub.example.com', 'sub.example.net'];
  assert.equal(cutAbove('x.a.sub.example.com', 'example.com', cuts), 'sub.example.com');
  assert.equal(cutAbove('sub.example.com', 'example.com', cuts), 'sub.example.com');
  assert.equal(cutAbove('notsub.example.com', 'example.com', cuts), undefined);
  assert.equal(cutAbove('x.a.sub.example.com', 'sub.example.com', cuts), 'a.sub.example.com');
});
