import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../../../test/harness/fake-clock.ts';
import { remembered } from './remembered.ts';

test('a result is cached for the given time, and a failure is not', async () => {
  const clock = createFakeClock();
  let calls = 0;
  const identify = remembered(
    async () => {
      calls += 1;
      if (calls === 1) throw new Error('not yet');
      return calls;
    },
    60_000,
    clock,
  );
  const { signal } = new AbortController();
  await assert.rejects(identify(signal), /not yet/);
  assert.deepEqual([await identify(signal), await identify(signal)], [2, 2]);
  await clock.wait(59_999);
  assert.equal(await identify(signal), 2);
  await clock.wait(1);
  assert.equal(await identify(signal), 3);
});
