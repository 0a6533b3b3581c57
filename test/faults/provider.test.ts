import { test } from 'node:test';
import { worldFor } from '../e2e/support.ts';
import type { Fault } from '../world/apis/cloudflare.ts';
import { faultyCall, reads, writes } from './provider-steps.ts';
import { surviveEach } from './survive.ts';

const notExecuted: readonly (readonly [how: string, fault: Fault])[] = [
  ['not executed, status 500', { kind: 'status', status: 500 }],
  ['not executed, connection reset', { kind: 'reset' }],
  ['not executed, rate-limited with Retry-After', { kind: 'rate-limit', retryAfter: '1' }],
  ['not executed, a page of an intercepting proxy', { kind: 'html' }],
];
const executed: readonly (readonly [how: string, fault: Fault])[] = [
  ['executed, status 500', { kind: 'status', status: 500, executed: true }],
  ['executed, connection reset', { kind: 'reset', executed: true }],
  ['executed, half of a response', { kind: 'truncated', executed: true }],
  ['executed, a response that makes no sense', { kind: 'nonsense', executed: true }],
];

test('one response of the provider to a write is lost or wrong', async (t) => {
  const world = await worldFor(t);
  const trials = writes.flatMap((ask) =>
    [...notExecuted, ...executed].map(([how, fault]) => faultyCall(ask, { how, fault })),
  );
  await surviveEach(t, world, trials);
});

test('one response of the provider to a read is lost or wrong', async (t) => {
  const world = await worldFor(t);
  const trials = reads.flatMap((ask) => notExecuted.map(([how, fault]) => faultyCall(ask, { how, fault })));
  await surviveEach(t, world, trials);
});
