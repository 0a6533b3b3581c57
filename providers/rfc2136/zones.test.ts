import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLASSES, type Decoded, TYPES } from './wire.ts';
import { apexOf, cutAbove } from './zones.ts';

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
  ['there is no SOA record', reply({ authorities: [SOA('example.com')] }), 'example.com'],
  ['there is no such name', reply({ rcode: 3, authorities: [SOA('example.com')] }), 'example.com'],
  ['an alias leads away', reply({ answers: [rr('app.example.com', TYPES.CNAME)] }), undefined],
  [
    'an alias leads away to where there is none',
    reply({ answers: [rr('app.example.com', TYPES.CNAME)], authorities: [SOA('example.com')] }),
    undefined,
  ],
  [
    'an alias leads to an apex above',
    reply({ answers: [rr('app.example.com', TYPES.CNAME), SOA('example.com')] }),
    undefined,
  ],
  ['another zone answers', reply({ authorities: [SOA('example.net')] }), undefined],
  ['the answer is from a cache', reply({ isAuthoritative: false, authorities: [SOA('com')] }), undefined],
  ['it is refused', reply({ rcode: 5, authorities: [SOA('example.com')] }), undefined],
];
for (const [what, decoded, apex] of cases) {
  test(`where ${what} the zone is ${apex ?? 'not known'}`, () => {
    assert.equal(apexOf('app.example.com', decoded), apex);
  });
}

test('a delegation takes what it holds, by whole labels, and the apex is none', () => {
  const cuts = ['example.com', 'sub.example.com', 'a.sub.example.com', 'sub.example.net'];
  assert.equal(cutAbove('x.a.sub.example.com', 'example.com', cuts), 'sub.example.com');
  assert.equal(cutAbove('sub.example.com', 'example.com', cuts), 'sub.example.com');
  assert.equal(cutAbove('notsub.example.com', 'example.com', cuts), undefined);
  assert.equal(cutAbove('x.a.sub.example.com', 'sub.example.com', cuts), 'a.sub.example.com');
});
