import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DOMAIN, orders, setStage } from '../../test/doubles/parts.ts';
import { emptyMemory } from './parts.ts';
import { pass } from './pass.ts';

const never = new AbortController().signal;

test('two names with their challenges at one owner name: the second is ordered when nobody remembers the first', async (t) => {
  const stage = await setStage(t);
  await pass(stage.parts, stage.memory, never);
  const wildcard = { ...stage.parts, goal: { ...stage.parts.goal, domain: `*.${DOMAIN}` } };
  const memory = emptyMemory(stage.memory.shared);
  await pass(wildcard, memory, never);
  assert.equal(orders(stage), 1);
  const held = stage.lines.find(({ event }) => event === 'order-held-back');
  assert.match(
    String(held?.msg),
    new RegExp(`may remember the challenge of ${DOMAIN.replaceAll('.', '\\.')},`),
  );
  assert.ok(memory.orderNotBefore);
  await stage.clock.wait(memory.orderNotBefore.getTime() - stage.clock.now().getTime());
  await pass(wildcard, memory, never);
  assert.equal(orders(stage), 2);
});
