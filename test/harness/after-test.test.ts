import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterTest } from './after-test.ts';

/** A test that ends when the caller says so. */
function endingTest() {
  const hooks: (() => unknown)[] = [];
  return {
    after: (hook: () => unknown) => void hooks.push(hook),
    end: () => Promise.all(hooks.map((hook) => hook())),
  };
}

test('runs the last registered first, and awaits each', async () => {
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

test('an error does not prevent the others, and fails the test', async () => {
  const ending = endingTest();
  const done: string[] = [];
  afterTest(ending, () => done.push('first'));
  afterTest(ending, () => {
    throw new Error('not empty');
  });
  await assert.rejects(ending.end(), /not empty/);
  assert.deepEqual(done, ['first']);
});
