import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { afterTest } from '../../test/doubles/after-test.ts';
import { createFakeClock, type FakeClock } from '../../test/doubles/fake-clock.ts';
import { memoryLog } from '../../test/doubles/memory-log.ts';
import { IngressError } from '../errors.ts';
import { everyHourAt, type KeptName, type LoopOptions, reconcileForever } from './loop.ts';
import { emptyMemory, type Memory } from './parts.ts';

const MINUTE = 60_000;
const refused = () => new IngressError('ACME_ORDER_FAILED', 'no');
const unreachable = () => new IngressError('PROVIDER_UNREACHABLE', 'gone');

interface Run {
  readonly clock: FakeClock;
  readonly memory: Memory;
  readonly lines: readonly Record<string, unknown>[];
}

/** A name whose passes do what `pass` does. */
function named(pass: () => Promise<void>, changes: Partial<KeptName> = {}) {
  const { log, lines } = memoryLog();
  const serveStored = async () => undefined;
  return { ...{ pass, serveStored, log, lines, memory: emptyMemory(), passLimitMs: 600_000 }, ...changes };
}

const never = () => () => undefined;

/** Runs the loop over one name, with one step for each pass; it is stopped after the last. */
async function loop(steps: readonly (() => void)[], changes: Partial<LoopOptions> = {}): Promise<Run> {
  const stop = new AbortController();
  const clock = createFakeClock();
  let passes = 0;
  const name = named(async () => {
    const step = steps[passes];
    passes += 1;
    if (passes === steps.length) stop.abort(new Error('enough'));
    step?.();
  });
  const options = { names: [name], everyHour: never, onDemand: never, random: () => 0, clock, ...changes };
  await reconcileForever(options, stop.signal);
  assert.equal(passes, steps.length);
  return { clock, memory: name.memory, lines: name.lines };
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
      names: [named(async () => queueMicrotask(() => stop.abort()))],
      everyHour: () => () => void ended.push('hour'),
      onDemand: () => () => void ended.push('demand'),
      random: () => 0,
      clock: createFakeClock(),
    },
    stop.signal,
  );
  await running;
  assert.deepEqual(ended, ['hour', 'demand']);
});

/** Runs the loop over several names until `enough` says so; gives what was done, in order. */
async function together(
  names: Readonly<Record<string, (attempt: number) => void>>,
  enough: (done: readonly string[]) => boolean,
  changes: Partial<LoopOptions> = {},
) {
  const stop = new AbortController();
  const clock = createFakeClock();
  const done: string[] = [];
  const note = (what: string) => {
    done.push(what);
    if (enough(done)) stop.abort();
  };
  const kept = Object.entries(names).map(([domain, step]) => {
    let attempts = 0;
    return named(
      async () => {
        attempts += 1;
        note(`${domain} at ${clock.waits.reduce((sum, ms) => sum + ms, 0) / 1000}`);
        step(attempts);
      },
      { serveStored: async () => note(`${domain} served`) },
    );
  });
  const options = { names: kept, everyHour: never, onDemand: never, random: () => 0, clock, ...changes };
  await reconcileForever(options, stop.signal);
  return { done, kept };
}

test('every name is served before any is touched, and one that fails is tried again alone, when its time has come', async () => {
  const { done, kept } = await together(
    { a: fails(refused), b: fine, c: (attempt) => (attempt < 3 ? fails(unreachable)() : undefined) },
    (sofar) => sofar.includes('a at 60'),
  );
  assert.deepEqual(done, [
    ...['a served', 'b served', 'c served', 'a at 0', 'b at 0', 'c at 0'],
    ...['c served', 'c at 5', 'c served', 'c at 15'],
    ...['a served', 'a at 60'],
  ]);
  assert.deepEqual(
    kept.map(({ memory }) => memory.orderNotBefore !== undefined),
    [true, false, false],
  );
});

test('what fails in serving fails nobody else', async () => {
  const stop = new AbortController();
  const passed: string[] = [];
  const names = [
    named(async () => void passed.push('a'), { serveStored: () => Promise.reject(new Error('no')) }),
    named(async () => {
      passed.push('b');
      stop.abort();
    }),
  ];
  const clock = createFakeClock();
  await reconcileForever({ names, everyHour: never, onDemand: never, random: () => 0, clock }, stop.signal);
  assert.deepEqual(passed, ['a', 'b']);
});

test('on demand every name gets a pass, also one whose back-off is not over', async () => {
  const demand: (() => void)[] = [];
  const passed = (done: readonly string[]) => done.map((what) => what[0]).join('');
  const { done } = await together(
    {
      a: fails(unreachable),
      b: (attempt) => {
        if (attempt === 1) for (const ask of demand) ask();
      },
    },
    (sofar) => passed(sofar).length >= 8,
    {
      onDemand: (due) => {
        demand.push(due);
        return () => undefined;
      },
    },
  );
  assert.equal(passed(done), 'abababab');
});

test('a stop in the middle of a round begins no other pass', async () => {
  const { done } = await together({ a: fine, b: fine }, (sofar) => sofar.includes('a at 0'));
  assert.deepEqual(done, ['a served', 'b served', 'a at 0']);
});

test('every hour at its minute, in UTC', async (t) => {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: new Date('2026-03-29T00:10:00Z') });
  afterTest(t, () => mock.timers.reset());
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
