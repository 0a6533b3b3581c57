import type { TestContext } from 'node:test';

const stacks = new WeakMap<object, AsyncDisposableStack>();

/**
 * Does `work` when the test is over: what came last is done first, because it may need what came before, and each has
 * its turn whatever becomes of the others. (The runner's own hooks come first registered first, and the first that
 * fails is the last: what it leaves running keeps the file's process alive.)
 */
export function afterTest(t: Pick<TestContext, 'after'>, work: () => unknown): void {
  let stack = stacks.get(t);
  if (!stack) {
    const made = new AsyncDisposableStack();
    t.after(() => made.disposeAsync());
    stacks.set(t, made);
    stack = made;
  }
  stack.defer(async () => {
    await work();
  });
}
