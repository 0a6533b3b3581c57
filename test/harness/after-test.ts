import type { TestContext } from 'node:test';

const stacks = new WeakMap<object, AsyncDisposableStack>();

/**
 * Runs `work` when the test ends: the last registered first, because it may need what earlier ones
 * set up, and each one even if another fails. (The runner's own hooks run in order of registration
 * and stop at the first failure, which leaves processes running that keep the file's process
 * alive.)
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
