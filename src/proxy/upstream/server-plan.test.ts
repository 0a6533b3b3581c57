import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SLOTS } from '../config/servers.ts';
import { connectionShares, NO_SERVERS, planServers, type ServerPlan } from './server-plan.ts';

const plan = (main: string | undefined, ...slots: (string | undefined)[]): ServerPlan => ({
  main,
  slots: NO_SERVERS.slots.map((_, slot) => slots[slot]),
});

const plans: readonly [
  what: string,
  before: ServerPlan,
  addresses: string[],
  answering: string[],
  after: ServerPlan,
][] = [
  ['no address', NO_SERVERS, [], [], NO_SERVERS],
  ['one address, whether it answers or not', NO_SERVERS, ['a'], [], plan('a')],
  ['one address that answers', NO_SERVERS, ['a'], ['a'], plan('a')],
  ['another address instead', plan('a'), ['b'], [], plan('b')],
  ['several, none of which answers: the first', NO_SERVERS, ['a', 'b'], [], plan('a')],
  ['several, none of which answers any more: the one in use', plan('b', 'a', 'b'), ['a', 'b'], [], plan('b')],
  ['several, one of which answers', plan('a'), ['a', 'b'], ['b'], plan('b', 'b')],
  ['several that answer', NO_SERVERS, ['a', 'b', 'c'], ['a', 'c'], plan('a', 'a', 'c')],
  [
    'in another order: nothing changes',
    plan('a', 'a', 'c'),
    ['c', 'b', 'a'],
    ['a', 'c'],
    plan('a', 'a', 'c'),
  ],
  [
    'one more: the others stay',
    plan('a', 'a', 'c'),
    ['b', 'c', 'a'],
    ['a', 'b', 'c'],
    plan('a', 'a', 'c', 'b'),
  ],
  [
    'one fewer: the others stay',
    plan('a', 'a', 'b', 'c'),
    ['c', 'b'],
    ['b', 'c'],
    plan('c', undefined, 'b', 'c'),
  ],
  ['one still answers', plan('a', 'a', 'b'), ['a', 'b'], ['b'], plan('b', undefined, 'b')],
  ['one remains', plan('a', 'a', 'b'), ['b'], ['b'], plan('b')],
];
for (const [what, before, addresses, answering, after] of plans) {
  test(`servers: ${what}`, () => assert.deepEqual(planServers(before, addresses, new Set(answering)), after));
}

test('of more addresses than slots the first are used, and another gets the first slot that becomes free', () => {
  const many = Array.from({ length: SLOTS + 1 }, (_, at) => `a${at}`);
  const first = planServers(NO_SERVERS, many, new Set(many));
  assert.deepEqual(first.slots, many.slice(0, SLOTS));
  const then = planServers(first, many, new Set(many.slice(1)));
  assert.deepEqual(then.slots, [many.at(-1), ...many.slice(1, SLOTS)]);
});

const limits: readonly [maxconn: number, plan: ServerPlan, main: number, slot: number][] = [
  [4_096, plan('a'), 4_096, 4_096],
  [4_096, plan('a', 'a', 'b'), 2, 2_047],
  [100, plan('a', 'a', 'b', 'c'), 1, 33],
  [1, plan('a', 'a', 'b'), 1, 1],
];
for (const [maxconn, { main, slots }, ofMain, ofSlot] of limits) {
  const used = slots.filter((address) => address !== undefined).length;
  test(`the shares of ${maxconn} connections for ${used} slots and the main server`, () =>
    assert.deepEqual(connectionShares(maxconn, { main, slots }), { main: ofMain, slot: ofSlot }));
}
