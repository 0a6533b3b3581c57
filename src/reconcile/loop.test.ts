import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { createFakeClock, type FakeClock } from '../../test/doubles/fake-clock.ts';
import { memoryLog } from '../../test/doubles/memory-log.ts';
import { IngressError } from '../errors.ts';
import { everyHourAt, type LoopOptions, reconcileForever } from './loop.ts';
import { emptyMemory, type Memory } from './parts.ts';

const MINUTE = 60_000;
const refused = () => new IngressError('ACME_ORDER_FAILED', 'no');
const unreachable = () => new IngressError('PROVIDER_UNREACHABLE', 'gone');

interface Run {
  readonly clock: FakeClock;
  readonly memory: Memory;
  readonly lines: readonly Record<string, unknown>[];
}

/** Runs the loop with one step for each pass; it is stopped after the last. */
async function loop(steps: readonly (() => void)[], changes: Partial<LoopOptions> = {}): Promise<Run> {
  const stop = new AbortController();
  const clock = createFakeClock();
  const memory = emptyMemory();
  const { log, lines } = memoryLog();
  let passes = 0;
  const pass = async () => {
    const step = steps[passes];
    passes += 1;
    if (passes === steps.length) stop.abort(new Error('enough'));
    step?.();
  };
  const never = () => () => undefined;
  const options = {
    pass,
    memory,
    everyHour: never,
    onDemand: never,
    random: () => 0,
    passLimitMs: 600_000,
    clock,
    log,
    ...changes,
  };
  await reconcileForever(options, stop.signal);
  assert.equal(passes, steps.length);
  return { clock, memory, lines };
}

const fine = () => undefined;
const fails = (error: () => Error) => () => {
  throw error();
};

test('failures are tried again, later and later, and forgotten by a success', async () => {
  const wake = Promise.withResolvers<void>();
  const everyHour = (due: () => void) => {
    void wake.promise.then(due);
    return () => undefined;
  };
  const steps = [fails(unreachable), fails(unreachable), () => wake.resolve(), fails(unreachable), fine];
  const { clock } = await loop(steps, { everyHour });
  assert.deepEqual(clock.waits, [5000, 10_000, 5000]);
});

test('what the CA refused holds orders back, and the next pass comes when they may be made', async () => {
  const { clock, memory, lines } = await loop([fails(refused), fails(refused), fine]);
  assert.deepEqual(clock.waits, [MINUTE, 10 * MINUTE]);
  assert.equal(memory.orderNotBefore?.getTime(), clock.now().getTime());
  assert.deepEqual(
    lines.filter(({ event }) => event === 'pass-failed').map(({ attempt }) => attempt),
    [1, 2],
  );
});

test('a pass in between that has nothing to order does not shorten the wait', async () => {
  const demand = Promise.withResolvers<void>();
  let asked = false;
  const clock = createFakeClock();
  const patient = {
    ...clock,
    // The first wait is cut short by a demand; the clock has not moved.
    wait: async (ms: number) => {
      if (asked) return clock.wait(ms);
      asked = true;
      demand.resolve();
      return new Promise<void>(() => undefined);
    },
  };
  const onDemand = (due: () => void) => {
    void demand.promise.then(due);
    return () => undefined;
  };
  await loop([fails(refused), fine, fine], { clock: patient, onDemand });
  assert.deepEqual(clock.waits, [MINUTE]);
});

test('a stop ends the loop while it waits, and whatever wakes it', async () => {
  const stop = new AbortController();
  const ended: string[] = [];
  const running = reconcileForever(
    {
      pass: async () => queueMicrotask(() => stop.abort()),
      memory: emptyMemory(),
      everyHour: () => () => void ended.push('hour'),
      onDemand: () => () => void ended.push('demand'),
      random: () => 0,
      passLimitMs: 600_000,
      clock: createFakeClock(),
      log: memoryLog().log,
    },
    stop.signal,
  );
  await running;
  assert.deepEqual(ended, ['hour', 'demand']);
});

test('every hour at its minute, in UTC', async (t) => {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: new Date('2026-03-29T00:10:00Z') });
  t.after(() => mock.timers.reset());
  const moments: string[] = [];
  const end = everyHourAt(17)(() => moments.push(new Date().toISOString().slice(11, 16)));
  for (let minute = 0; minute < 180; minute += 1) {
    mock.timers.tick(MINUTE);
    // node-cron goes on in promises between its timers.
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  }
  end();
  assert.deepEqual(moments, ['00:17', '01:17', '02:17']);
});
