import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstHalf } from './first-half.ts';

const bytes = Buffer.from('abcdef');
for (const [what, call, args, half] of [
  ['a text', 'writeFile', ['abcdef', 'utf8'], [Buffer.from('abc'), 'utf8']],
  ['octets, not letters', 'appendFile', ['ääää'], [Buffer.from('ää')]],
  ['a view of a larger buffer', 'writeFile', [new Uint8Array(bytes).subarray(2)], [Buffer.from('cd')]],
  ['a text at a position', 'write', ['abcdef', 7], [Buffer.from('abc'), 0, null, 7]],
  ['a part of a buffer', 'write', [bytes, 2, 4, 9], [Buffer.from('cd'), 0, null, 9]],
  ['the same, by options', 'write', [bytes, { offset: 2, length: 2 }], [Buffer.from('c'), 0, null, null]],
  ['a whole buffer', 'write', [bytes], [Buffer.from('abc'), 0, null, null]],
  ['several', 'writev', [[bytes, Buffer.from('gh')], 3], [[Buffer.from('abcd')], 3]],
  ['one octet', 'write', ['a'], [Buffer.alloc(0), 0, null, null]],
] as const) {
  test(`half of ${what}`, () => assert.deepEqual(firstHalf(call, args), half));
}

test('a stream has no half', () => assert.equal(firstHalf('writeFile', [[bytes].values()]), undefined));
