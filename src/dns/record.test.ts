import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCaa } from './record.ts';

const parsed = { flags: 0, tag: 'issue', value: 'ca.example; a=b' };
for (const value of [
  '0 issue "ca.example; a=b"',
  '0 ISSUE "ca.example; a=b"',
  '0  issue\t"ca.example; a=b"',
  ' 0 issue "ca.example; a=b" ',
]) {
  test(`${JSON.stringify(value)} has its three parts`, () => assert.deepEqual(parseCaa(value), parsed));
}

for (const value of ['issue "ca.example"', '0 issue ca.example', '0issue "x"', '1234 issue "x"', '']) {
  test(`${JSON.stringify(value)} is no CAA`, () => assert.equal(parseCaa(value), undefined));
}
