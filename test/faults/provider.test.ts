import { test } from 'node:test';
import { worldFor } from '../e2e/support.ts';
import type { Fault } from '../world/apis/cloudflare.ts';
import { answered, reads, writes } from './provider-steps.ts';
import { surviveEach } from './survive.ts';

const undone: readonly (readonly [how: string, fault: Fault])[] = [
  ['not done, 500', { kind: 'status', status: 500 }],
  ['not done, the connection cut', { kind: 'reset' }],
  ['not done, limited with Retry-After', { kind: 'rate-limit', retryAfter: '1' }],
  ['not done, a page of somebody between', { kind: 'html' }],
];
const done: readonly (readonly [how: string, fault: Fault])[] = [
  ['done, 500', { kind: 'status', status: 500, executed: true }],
  ['done, the connection cut', { kind: 'reset', executed: true }],
  ['done, half of an answer', { kind: 'truncated', executed: true }],
  ['done, an answer that makes no sense', { kind: 'nonsense', executed: true }],
];

test('one answer of the provider to a write is lost or wrong', async (t) => {
  const world = await worldFor(t);
  const trials = writes.flatMap((ask) =>
    [...undone, ...done].map(([how, fault]) => answered(ask, { how, fault })),
  );
  await surviveEach(t, world, trials);
});

test('one answer of the provider to a read is lost or wrong', async (t) => {
  const world = await worldFor(t);
  const trials = reads.flatMap((ask) => undone.map(([how, fault]) => answered(ask, { how, fault })));
  await surviveEach(t, world, trials);
});
