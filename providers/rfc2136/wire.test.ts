import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import packet from 'dns-packet';
import fc from 'fast-check';
import { isIngressError } from '../../src/errors.ts';
import {
  CLASSES,
  decodeMessage,
  encodeMessage,
  encodeName,
  encodeRecord,
  OPCODES,
  readName,
  TYPES,
} from './wire.ts';

describe('names', () => {
  test('an encoded name is decoded to itself', () => {
    for (const name of ['', 'com', '_a.example.com', '*.example.com', `${'x'.repeat(63)}.example`]) {
      const { name: read, end } = readName(encodeName(name), 0);
      assert.deepEqual([read, end], [name, encodeName(name).length]);
    }
  });

  test('an invalid domain name is not encoded', () => {
    for (const name of ['a..b', `${'x'.repeat(64)}.example`, `${'x.'.repeat(130)}com`]) {
      assert.throws(
        () => encodeName(name),
        (thrown) => isIngressError(thrown, 'PROVIDER_REJECTED'),
      );
    }
  });

  test('a pointer is followed backwards, never forwards or in a circle', () => {
    const octets = Buffer.from([3, 99, 111, 109, 0, 1, 97, 0xc0, 0, 0xc0, 9, 0xc0, 13, 0]);
    assert.deepEqual((({ name, end, wire }) => [name, end, wire])(readName(octets, 5)), [
      'a.com',
      9,
      encodeName('a.com'),
    ]);
    for (const start of [9, 11]) assert.throws(() => readName(octets, start), RangeError);
  });

  test('ambiguous octets are escaped as numbers', () => {
    assert.equal(readName(Buffer.from([4, 97, 46, 32, 0xff, 0]), 0).name, 'a\\046\\032\\255');
  });
});

describe('messages', () => {
  test('another library decodes an update to its fields', () => {
    const record = {
      name: 'app.example.com',
      type: TYPES.A,
      class: CLASSES.IN,
      ttl: 60,
      data: Buffer.of(192, 0, 2, 1),
    };
    const message = encodeMessage({
      id: 77,
      opcode: OPCODES.UPDATE,
      question: { name: 'example.com', type: TYPES.SOA },
      authorities: [record],
    });
    const { id, questions, authorities } = packet.decode(message.subarray(0));
    assert.equal((message.readUInt16BE(2) >> 11) & 0xf, 5);
    assert.deepEqual([id, questions?.[0]?.name, questions?.[0]?.type], [77, 'example.com', 'SOA']);
    const [read] = authorities ?? [];
    assert.ok(read?.type === 'A');
    assert.deepEqual([read.name, read.ttl, read.data], ['app.example.com', 60, '192.0.2.1']);
  });

  test('a message that another library compresses is decoded', () => {
    const message = packet.encode({
      type: 'response',
      id: 1,
      flags: packet.AUTHORITATIVE_ANSWER,
      questions: [{ name: 'example.com', type: 'SOA' }],
      answers: [
        { name: 'example.com', type: 'MX', ttl: 5, data: { preference: 10, exchange: 'mx.example.com' } },
      ],
    });
    const { isResponse, isAuthoritative, rcode, question, answers } = decodeMessage(message);
    assert.deepEqual([isResponse, isAuthoritative, rcode], [true, true, 0]);
    assert.deepEqual(question, { name: 'example.com', type: TYPES.SOA });
    assert.deepEqual(answers[0]?.data, Buffer.concat([Buffer.of(0, 10), encodeName('mx.example.com')]));
  });

  test('names in record data are decompressed', () => {
    const question = { name: 'example.com', type: TYPES.MX };
    const bare = encodeMessage({ id: 1, opcode: OPCODES.QUERY, question });
    const data = Buffer.of(0, 10, 0xc0, 12);
    const record = encodeRecord({ name: 'example.com', type: TYPES.MX, class: CLASSES.IN, ttl: 1, data });
    const message = Buffer.concat([bare, record]);
    message.writeUInt16BE(1, 6);
    assert.deepEqual(
      decodeMessage(message).answers[0]?.data,
      Buffer.concat([Buffer.of(0, 10), encodeName('example.com')]),
    );
  });

  test('any octets are decoded or rejected with a RangeError', () => {
    const base = encodeMessage({
      id: 1,
      opcode: OPCODES.QUERY,
      question: { name: 'example.com', type: TYPES.SOA },
      answers: [
        {
          name: 'a.example.com',
          type: TYPES.NS,
          class: CLASSES.IN,
          ttl: 1,
          data: encodeName('ns.example.com'),
        },
      ],
    });
    const broken = fc
      .tuple(fc.nat(base.length - 1), fc.nat(255), fc.nat(base.length))
      .map(([at, octet, end]) =>
        Buffer.from(base.map((old, index) => (index === at ? octet : old))).subarray(0, end),
      );
    fc.assert(
      fc.property(fc.oneof(broken, fc.uint8Array({ maxLength: 80 }).map(Buffer.from)), (octets) => {
        try {
          decodeMessage(octets);
        } catch (thrown) {
          assert.ok(thrown instanceof RangeError, String(thrown));
        }
      }),
      { numRuns: 2000 },
    );
  });
});
