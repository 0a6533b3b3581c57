import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterTest } from './after-test.ts';

/** A test that is over when it is told so. */
function endingTest() {
  const hooks: (() => unknown)[] = [];
  return {
    after: (hook: () => unknown) => void hooks.push(hook),
    end: () => Promise.all(hooks.map((hook) => hook())),
  };
}

test('what came last is done first, and each is waited for', async () => {
  const ending = endingTest();
  const done: string[] = [];
  afterTest(ending, () => done.push('first'));
  afterTest(ending, async () => {
    await new Promise(setImmediate);
    done.push('second');
  });
  await ending.end();
  assert.deepEqual(done, ['second', 'first']);
});

test('one that fails takes nothing from the others, and fails the test', async () => {
  const ending = endingTest();
  const done: string[] = [];
  afterTest(ending, () => done.push('first'));
  afterTest(ending, () => {
    throw new Error('not empty');
  });
  await assert.rejects(ending.end(), /not empty/);
  assert.deepEqual(done, ['first']);
});
