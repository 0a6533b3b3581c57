import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatCaa } from '../record.ts';
import { type IssueValue, parseIssueValue, readProperty } from './property.ts';

const properties: [text: string, expected: ReturnType<typeof readProperty>][] = [
  ['0 issue "ca.example"', { flags: 0, tag: 'issue', value: 'ca.example' }],
  [' 128\tISSUE  "ca.example" ', { flags: 128, tag: 'issue', value: 'ca.example' }],
  ['0 issue ""', { flags: 0, tag: 'issue', value: '' }],
  ['0 issue "a "quoted" word"', { flags: 0, tag: 'issue', value: 'a "quoted" word' }],
  ['0 issue "two\nlines"', { flags: 0, tag: 'issue', value: 'two\nlines' }],
  ['128 t-b_s "x"', { flags: 128, tag: 't-b_s', value: 'x' }],
  ['128 t bs "x"', { flags: 128, tag: 't bs', value: 'x' }],
  ['255 issue "x"', { flags: 255, tag: 'issue', value: 'x' }],
  ['256 issue "x"', undefined],
  ['-1 issue "x"', undefined],
  ['0 "x"', undefined],
  ['issue "x"', undefined],
  ['0 issue x', undefined],
  ['0 issue "x', undefined],
  ['0 issue "x" y', undefined],
  ['', undefined],
  ['"', undefined],
];
for (const [text, expected] of properties) {
  test(`${JSON.stringify(text)} is ${expected ? `the property ${expected.tag}` : 'no property'}`, () => {
    assert.deepEqual(readProperty(text), expected);
  });
}

const issuer = (name: string, ...parameters: [tag: string, value: string][]): IssueValue => ({
  issuer: name,
  parameters: parameters.map(([tag, value]) => ({ tag, value })),
});
const values: [value: string, expected: IssueValue | undefined][] = [
  ['ca.example', issuer('ca.example')],
  ['CA.Example', issuer('CA.Example')],
  ['\t ca.example \t', issuer('ca.example')],
  ['ca.example;', issuer('ca.example')],
  ['ca.example ; ', issuer('ca.example')],
  ['a--b.1.example', issuer('a--b.1.example')],
  ['', issuer('')],
  ['  ', issuer('')],
  [';', issuer('')],
  [' ; \t', issuer('')],
  ['; a=b', issuer('', ['a', 'b'])],
  ['ca.example;a=b', issuer('ca.example', ['a', 'b'])],
  ['ca.example \t;\ta = b ; c=d ', issuer('ca.example', ['a', 'b'], ['c', 'd'])],
  ['ca.example; a=b; a=c', issuer('ca.example', ['a', 'b'], ['a', 'c'])],
  ['ca.example; a=', issuer('ca.example', ['a', ''])],
  ['ca.example; a-b=c', issuer('ca.example', ['a-b', 'c'])],
  ['ca.example; a=b=c,"d"!~', issuer('ca.example', ['a', 'b=c,"d"!~'])],
  ['%%%%%', undefined],
  ['ca.example.', undefined],
  ['.ca.example', undefined],
  ['ca..example', undefined],
  ['ca_1.example', undefined],
  ['-ca.example', undefined],
  ['ca-.example', undefined],
  ['ca example', undefined],
  ['ca.example,other.example', undefined],
  ['"ca.example"', undefined],
  ['https://ca.example', undefined],
  ['zertifikäte.example', undefined],
  ['ca.example\n', undefined],
  ['\u00a0ca.example', undefined],
  ['ca.example; a', undefined],
  ['ca.example; =b', undefined],
  ['ca.example; a b=c', undefined],
  ['ca.example; a=b c', undefined],
  ['ca.example; a_b=c', undefined],
  ['ca.example; -a=c', undefined],
  ['ca.example; a=bé', undefined],
  ['ca.example; a=b;', undefined],
  ['ca.example;; a=b', undefined],
  ['ca.example;;', undefined],
  ['ca.example a=b', undefined],
];
for (const [value, expected] of values) {
  test(`an issue value ${JSON.stringify(value)} is ${expected ? 'read' : 'malformed'}`, () => {
    assert.deepEqual(parseIssueValue(value), expected);
  });
}

/** The pieces of a value of the grammar. */
const space = fc.string({ unit: fc.constantFrom(' ', '\t'), maxLength: 2 });
const label = fc.stringMatching(/^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,4}[a-zA-Z0-9])?$/);
const domain = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.'));
const parameter = fc.record({
  tag: label,
  value: fc.stringMatching(/^[\x21-\x3a\x3c-\x7e]{0,8}$/),
  spaces: fc.tuple(space, space, space, space),
});

test('every value of the grammar is parsed', () => {
  fc.assert(
    fc.property(fc.option(domain), fc.array(parameter), space, space, (name, parameters, before, after) => {
      const pieces = parameters.map(
        ({ tag, value, spaces: [a, b, c, d] }) => `;${a}${tag}${b}=${c}${value}${d}`,
      );
      const read = parseIssueValue(`${before}${name ?? ''}${after}${pieces.join('')}`);
      const expected = parameters.map(({ tag, value }) => ({ tag, value }));
      assert.deepEqual(read, { issuer: name ?? '', parameters: expected });
    }),
  );
});

test('a property survives formatting, whatever its value', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 255 }), fc.string({ unit: 'binary' }), (flags, value) => {
      assert.deepEqual(readProperty(formatCaa(flags, 'issue', value)), { flags, tag: 'issue', value });
    }),
  );
});
