import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../../src/config/secret.ts';
import { createVerifier, type Key, sign } from './tsig.ts';
import { type Decoded, decodeMessage, encodeMessage, OPCODES, TYPES } from './wire.ts';

/**
 * Messages that a real server would never send. test/contract/rfc2136-keys.test.ts verifies the
 * signatures of BIND.
 */

const KEY: Key = { name: 'key.example', algorithm: 'hmac-sha256', secret: new Secret('c2VjcmV0') };
const NOW = new Date('2026-01-02T03:04:05Z');
const MESSAGE = encodeMessage({
  id: 4711,
  opcode: OPCODES.QUERY,
  question: { name: 'example.com', type: TYPES.SOA },
});

// Nothing precedes a request, so it is signed like the answer to an empty MAC, except for the
// length of that MAC.
function signedBy(key: Key, at = NOW): Buffer {
  return sign(MESSAGE, key, at).bytes;
}

test('a signature is the last record of the message, and is counted in the header', () => {
  const { tsig, question } = decodeMessage(signedBy(KEY));
  assert.equal(tsig?.record.name, 'key.example');
  assert.equal(tsig.start, MESSAGE.length);
  assert.deepEqual(question, { name: 'example.com', type: TYPES.SOA });
});

test('a signature depends on the secret, the time and every octet', () => {
  const mac = (message: Buffer, key: Key, at: Date) => sign(message, key, at).mac.toString('hex');
  const other = Buffer.from(MESSAGE);
  other.writeUInt8(other.readUInt8(13) ^ 1, 13);
  const macs = [
    mac(MESSAGE, KEY, NOW),
    mac(other, KEY, NOW),
    mac(MESSAGE, KEY, new Date(NOW.getTime() + 1000)),
    mac(MESSAGE, { ...KEY, secret: new Secret('b3RoZXI=') }, NOW),
    mac(MESSAGE, { ...KEY, name: 'other.example' }, NOW),
    mac(MESSAGE, { ...KEY, algorithm: 'hmac-sha512' }, NOW),
  ];
  assert.equal(new Set(macs).size, macs.length);
});

test('our own request is not accepted as its response', () => {
  const { bytes, mac } = sign(MESSAGE, KEY, NOW);
  assert.deepEqual(createVerifier(KEY, mac)(bytes, decodeMessage(bytes), NOW), { kind: 'forged' });
});

test('a message without a signature is unsigned, and the hundredth in a row is forged', () => {
  const verify = createVerifier(KEY, Buffer.alloc(32));
  const kinds = Array.from({ length: 100 }, () => verify(MESSAGE, decodeMessage(MESSAGE), NOW).kind);
  assert.deepEqual([...new Set(kinds.slice(0, 99))], ['unsigned']);
  assert.equal(kinds[99], 'forged');
});

test('a refusal of the key needs no signature, and has the name of its code', () => {
  for (const [code, error] of [
    [16, 'BADSIG'],
    [17, 'BADKEY'],
    [99, 'error 99'],
  ] as const) {
    const verdict = createVerifier(KEY, Buffer.alloc(32))(MESSAGE, refusing(code), NOW);
    assert.deepEqual(verdict, { kind: 'refused', error, serverTime: undefined });
  }
});

// A TSIG record with an error and without a MAC.
function refusing(error: number): Decoded {
  const decoded = decodeMessage(signedBy(KEY));
  assert.ok(decoded.tsig);
  const algorithm = decoded.tsig.record.data.subarray(0, 13);
  const rest = Buffer.alloc(16);
  rest.writeUInt16BE(error, 12);
  const record = { ...decoded.tsig.record, data: Buffer.concat([algorithm, rest]) };
  return { ...decoded, tsig: { ...decoded.tsig, record } };
}
