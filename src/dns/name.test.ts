import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  baseName,
  canonicalName,
  challengeName,
  isWithin,
  parseCertificateName,
  parseName,
  selfAndAncestors,
} from './name.ts';

const names: [text: string, expected: string | undefined][] = [
  ['example.com', 'example.com'],
  ['Example.COM.', 'example.com'],
  ['_.cluster.example.com', '_.cluster.example.com'],
  ['_acme-challenge.example.com', '_acme-challenge.example.com'],
  ['com', undefined],
  ['', undefined],
  ['.', undefined],
  ['a..b', undefined],
  ['a.b..', undefined],
  ['a b.example', undefined],
  ['a\tb.example', undefined],
  ['"a".example', undefined],
  ['a;b.example', undefined],
  ['a\u00adb.example', 'ab.example'],
  ['例え.テスト', 'xn--r8jz45g.xn--zckzah'],
  ['10.0.0.1', undefined],
  ['0x7f.1', undefined],
  ['a\\.b.example', undefined],
];
for (const [text, expected] of names) {
  test(`${JSON.stringify(text)} is ${expected ?? 'no name'}`, () => assert.equal(parseName(text), expected));
}

test('the names of a certificate are host names and wildcards of one level', () => {
  assert.equal(parseCertificateName('*.Example.com'), '*.example.com');
  for (const bad of ['*', '*.com', 'a.*.com', '**.example.com', '_a.example.com', '*.*.example.com']) {
    assert.equal(parseCertificateName(bad), undefined, bad);
  }
});

test('owner names are derived from a name', () => {
  assert.equal(challengeName('*.example.com'), '_acme-challenge.example.com');
  assert.equal(challengeName('app.example.com'), '_acme-challenge.app.example.com');
  assert.equal(baseName('*.example.com'), 'example.com');
});

test('names are compared by whole labels', () => {
  assert.ok(isWithin('a.example.com', 'example.com'));
  assert.ok(isWithin('example.com', 'example.com'));
  assert.ok(!isWithin('badexample.com', 'example.com'));
  assert.deepEqual(selfAndAncestors('a.b.c'), ['a.b.c', 'b.c', 'c']);
  assert.equal(canonicalName('NS1.Example.'), 'ns1.example');
});
