import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isIngressError } from '../../src/errors.ts';
import { createMemoryFiles, createTestContext } from '../../test/harness/dns/provider-context.ts';
import { createBudget, type Limit } from './budget.ts';

const LIMIT: Limit = { burst: 3, calls: 6, perMs: 60_000 };
const never = new AbortController().signal;

/** A clock that only moves when `wait` or `pass` moves it. */
function stillClock(start = Date.parse('2026-01-02T03:04:05Z')) {
  let now = start;
  return {
    now: () => new Date(now),
    pass: (ms: number) => {
      now += ms;
    },
    async wait(ms: number, signal?: AbortSignal) {
      signal?.throwIfAborted();
      now += ms;
    },
  };
}

function begin(files = createMemoryFiles(), clock = stillClock()) {
  const context = createTestContext(clock, files);
  return { context, clock, files, budget: createBudget({ title: 'An API', limit: LIMIT, context }) };
}

describe('a budget of calls', () => {
  test('allows the burst at once, and then calls at the refill rate', async () => {
    const { budget, context } = begin();
    for (let call = 0; call < 3; call += 1) await budget.spend(never);
    assert.deepEqual(context.waits, []);
    await budget.spend(never);
    assert.deepEqual(context.waits, [
      { reason: 'budget', waitMs: 10_000, until: new Date('2026-01-02T03:04:15Z') },
    ]);
  });

  test('allows no more than burst plus calls in any window', async () => {
    const { budget, clock } = begin();
    const at: number[] = [];
    for (let call = 0; call < 40; call += 1) {
      await budget.spend(never);
      at.push(clock.now().getTime());
    }
    const most = Math.max(
      ...at.map((start) => at.filter((t) => t >= start && t < start + LIMIT.perMs).length),
    );
    assert.ok(most <= LIMIT.burst + LIMIT.calls && most > LIMIT.calls, String(most));
  });

  test('is not refilled by a restart', async () => {
    const first = begin();
    for (let call = 0; call < 3; call += 1) await first.budget.spend(never);
    const second = begin(first.files, first.clock);
    await second.budget.spend(never);
    assert.equal(second.context.waits.length, 1);
  });

  test('waits as long as the provider asked, also after a restart', async () => {
    const first = begin();
    await first.budget.spend(never);
    await first.budget.hold(20_000);
    await first.budget.spend(never);
    assert.deepEqual(
      first.context.waits.map(({ reason, waitMs }) => [reason, waitMs]),
      [['asked-to-wait', 20_000]],
    );
    await first.budget.hold(30_000);
    const second = begin(first.files, first.clock);
    await second.budget.spend(never);
    assert.deepEqual(
      second.context.waits.map(({ waitMs }) => waitMs),
      [30_000],
    );
  });

  test('rejects instead of waiting longer than five minutes', async () => {
    const { budget, context } = begin();
    await budget.hold(400_000);
    await assert.rejects(budget.spend(never), (thrown: unknown) => {
      assert.ok(isIngressError(thrown, 'PROVIDER_RATE_LIMITED'));
      assert.equal(thrown.retryAfterMs, 400_000);
      assert.deepEqual(thrown.details, { reason: 'asked-to-wait', until: '2026-01-02T03:10:45.000Z' });
      return true;
    });
    assert.deepEqual(context.waits, []);
  });

  test('rejects an aborted call with the reason of its signal, and the next call is not affected', async () => {
    const { budget } = begin();
    const reason = new Error('enough');
    await assert.rejects(budget.spend(AbortSignal.abort(reason)), (thrown) => thrown === reason);
    await budget.spend(never);
  });

  test('a clock that is set back does not lengthen a pause beyond an hour', async () => {
    const { budget, clock, context } = begin();
    await budget.hold(1000);
    clock.pass(-150 * 86_400_000);
    await assert.rejects(budget.spend(never), { code: 'PROVIDER_RATE_LIMITED' });
    clock.pass(3_600_000);
    await budget.spend(never);
    assert.deepEqual(context.waits, []);
  });

  test('keeps counting after a damaged file and a clock that is set back', async () => {
    const files = createMemoryFiles();
    await files.write('budget.json', '{"tokens": "many"');
    const { budget, clock, context } = begin(files);
    await budget.spend(never);
    clock.pass(-3_600_000);
    for (let call = 0; call < 3; call += 1) await budget.spend(never);
    assert.deepEqual(
      context.waits.map(({ waitMs }) => waitMs),
      [10_000],
    );
  });
});
