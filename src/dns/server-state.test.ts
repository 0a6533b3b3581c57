import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProbeResult } from './probe.ts';
import { initialState, nextState, notifyHint } from './server-state.ts';

const after = (hostname: string, result: ProbeResult) =>
  nextState(initialState({ hostname, address: '192.0.2.1', port: 53 }), result, 0);
const current = after('ns1.example', { kind: 'propagated', siblings: [] });
const stale = after('ns2.example', { kind: 'stale', problems: ['lacks it'] });
const lame = after('ns3.example', { kind: 'lame', problems: ['answers REFUSED'] });
const silent = after('ns4.example', { kind: 'unreachable', problems: ['no answer'], unroutable: false });

/** The servers that the hint names, or no hint. */
const rows: [title: string, states: Parameters<typeof notifyHint>[0], named: string[] | undefined][] = [
  ['a server is stale beside one that is current', [current, stale, silent], ['ns2.example']],
  ['two addresses of a server are stale', [current, stale, stale], ['ns2.example']],
  ['a server is stale, and another lame', [current, stale, lame], ['ns2.example', 'ns3.example']],
  ['every server is stale', [stale], ['ns2.example']],
  ['the others only do not answer', [current, silent], undefined],
  ['no server answers', [silent], undefined],
];
for (const [title, states, named] of rows) {
  test(`if ${title}, ${named ? `NOTIFY to ${named.join(' and ')} is the hint` : 'there is no hint about NOTIFY'}`, () => {
    const hint = notifyHint(states);
    assert.deepEqual(hint?.match(/ns\d\.example/g), named ?? undefined);
  });
}

test('if no server is current, the hint starts with the delegation', () => {
  assert.notEqual(notifyHint([stale]), notifyHint([current, stale]));
});
