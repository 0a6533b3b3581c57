import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inOrder, isCovered } from './client.ts';

test('names are sorted by their labels, from the last to the first', () => {
  const sorted = [
    'example.com',
    '*.example.com',
    '_x.example.com',
    'a.example.com',
    'b.a.example.com',
    'a-b.example.com',
    'b.example.com',
  ];
  // The dot behind each label sorts after the hyphen.
  const expected = [
    'example.com',
    '*.example.com',
    '_x.example.com',
    'a-b.example.com',
    'a.example.com',
    'b.a.example.com',
    'b.example.com',
  ];
  assert.deepEqual(inOrder(sorted.toReversed()), expected);
});

const covered: readonly (readonly [
  name: string,
  from: string,
  until: string | undefined,
  covered: boolean,
])[] = [
  ['a.example', 'a.example', undefined, true],
  ['a.example', 'a.example', 'b.example', true],
  ['a.example', 'a.example', 'a.example', false],
  ['b.example', 'a.example', 'c.example', true],
  ['c.example', 'a.example', 'c.example', false],
  ['d.example', 'a.example', 'c.example', false],
  ['x.b.example', 'a.example', 'c.example', true],
  ['a.example', 'b.example', undefined, false],
  // An asterisk may sort before the digits or after them, and both have to agree.
  ['*.example', 'example', '_a.example', true],
  ['*.example', 'example', '0.example', false],
  ['0.example', '*.example', undefined, false],
  ['_a.example', '*.example', undefined, true],
];
for (const [name, from, until, expected] of covered) {
  test(`${name} is ${expected ? '' : 'not '}between ${from} and ${until ?? 'the end'}`, () =>
    assert.equal(isCovered(name, from, until), expected));
}
