import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { joinTxt, quoteTxt, shortestIpv6 } from './presentation.ts';

const spellings: readonly (readonly [data: string, value: string])[] = [
  ['"quoted"', 'quoted'],
  ['bare', 'bare'],
  ['bare "with" quotes', 'bare "with" quotes'],
  ['"one" "two"', 'onetwo'],
  ['"one""two"', 'onetwo'],
  ['""', ''],
  ['"unfinished', '"unfinished'],
  ['"a \\"b\\" \\\\"', 'a "b" \\'],
  ['"\\065\\066C"', 'ABC'],
  ['"\\195\\169"', 'é'],
  ['"\\195" "\\169"', 'é'],
];
for (const [data, value] of spellings) {
  test(`TXT ${data} is ${value}`, () => assert.equal(joinTxt(data), value));
}

test('an IPv6 address gets its shortest form, and other text stays the same', () => {
  assert.equal(shortestIpv6('2001:DB8:0::0:1'), '2001:db8::1');
  assert.equal(shortestIpv6('not an address'), 'not an address');
});

test('a long TXT is split into strings of at most 255 bytes', () => {
  const content = quoteTxt('é'.repeat(200));
  const strings = content.split(' ');
  assert.equal(strings.length, 2);
  assert.equal(strings[0]?.match(/\\\d{3}/g)?.length, 255);
  assert.equal(quoteTxt('a'.repeat(255)), `"${'a'.repeat(255)}"`);
  assert.equal(quoteTxt(''), '""');
});

test('any text survives quoting', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (value) => {
      const content = quoteTxt(value);
      assert.match(content, /^"[\x20-\x7e]*"$/);
      assert.equal(joinTxt(content), value);
    }),
  );
});
