import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { afterTest } from '../../test/harness/after-test.ts';
import { createFakeClock, type FakeClock } from '../../test/harness/fake-clock.ts';
import { type LogLine, memoryLog } from '../../test/harness/memory-log.ts';
import { IngressError } from '../errors.ts';
import { type ControllerOptions, everyMinute, runController } from './controller.ts';
import { type ManagedCertificate, manageCertificate } from './deps.ts';
import { Report } from './report.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const never = () => () => undefined;
const unreachable = () => new IngressError('PROVIDER_UNREACHABLE', 'gone');

/** What a run does with one certificate. */
type Step = (one: Reporting, attempt: number) => void | Promise<void>;
interface Reporting {
  readonly report: Report;
  readonly certificate: ManagedCertificate;
}
const succeeds: Step = () => undefined;
const fails =
  (make: () => Error): Step =>
  ({ report, certificate }) =>
    report.fail(certificate, 'records', make());

/** A clock that advances only while no run has anything to do. */
function patient(clock: FakeClock): FakeClock {
  return {
    ...clock,
    async wait(ms, signal) {
      await setImmediate();
      return clock.wait(ms, signal);
    },
  };
}

interface Running {
  /** Every run, as `names at seconds`. */
  readonly runs: readonly string[];
  readonly lines: readonly LogLine[];
  readonly clock: FakeClock;
}

/** Runs the controller until `enough` of its runs have begun. */
async function run(
  steps: Readonly<Record<string, Step>>,
  enough: number,
  changes: Partial<ControllerOptions> = {},
): Promise<Running> {
  const stop = new AbortController();
  const clock = createFakeClock();
  const start = clock.now().getTime();
  const { emit, lines } = memoryLog();
  const runs: string[] = [];
  const attempts = new Map<string, number>();
  const certificates = Object.keys(steps).map((name) => manageCertificate([name]));
  const reconcile: ControllerOptions['reconcile'] = async (some) => {
    const names = some.map(({ names: [name] }) => name);
    runs.push(`${names.join('')} at ${(clock.now().getTime() - start) / SECOND}`);
    if (runs.length === enough) stop.abort(new Error('enough'));
    const report = new Report(some, stop.signal);
    for (const certificate of some) {
      const [name] = certificate.names;
      const attempt = (attempts.get(name) ?? 0) + 1;
      attempts.set(name, attempt);
      await steps[name]?.({ report, certificate }, attempt);
    }
    return report.results;
  };
  await runController(
    {
      ...{ certificates, reconcile, clock: patient(clock), random: () => 0, emit },
      ...{
        timeoutMs: HOUR,
        intervalMs: HOUR,
        everyMinute: never,
        onDemand: never,
        onFinished: () => undefined,
      },
      ...changes,
    },
    stop.signal,
  );
  return { runs, lines, clock };
}

test('all certificates are reconciled at the start and in every interval', async () => {
  const { runs, lines } = await run({ a: succeeds, b: succeeds }, 3);
  assert.deepEqual(runs, ['ab at 0', 'ab at 3600', 'ab at 7200']);
  assert.equal(lines.filter(({ event }) => event === 'pass-finished').length, 4);
});

test('a certificate that failed is retried alone, with a growing delay that a success resets', async () => {
  const flaky: Step = ({ report, certificate }, attempt) => {
    if (attempt <= 3 || attempt === 5) report.fail(certificate, 'records', unreachable());
  };
  const { runs, lines } = await run({ a: flaky, b: succeeds }, 6);
  assert.deepEqual(runs, ['ab at 0', 'a at 5', 'a at 15', 'a at 35', 'ab at 3600', 'a at 3605']);
  assert.deepEqual(
    lines.filter(({ event }) => event === 'pass-failed').map(({ attempt }) => attempt),
    [1, 2, 3, 1],
  );
});

test('each failure is logged once, and the deciding one last, with the next attempt', async () => {
  const refused = new IngressError('ACME_ORDER_FAILED', 'no TXT record');
  const step: Step = ({ report, certificate }) => {
    report.fail(certificate, 'records', unreachable());
    report.fail(certificate, 'certificate', refused);
    report.fail(certificate, 'certificate', refused);
  };
  const { lines } = await run({ a: step }, 2, { random: () => 0 });
  const failed = lines.filter(({ err }) => err !== undefined);
  assert.deepEqual(
    failed.slice(0, 2).map(({ event, level, step }) => [event, level, step]),
    [
      ['step-failed', 40, 'records'],
      ['pass-failed', 50, 'certificate'],
    ],
  );
  assert.equal(typeof failed[1]?.['nextAttempt'], 'string');
});

test('each run that does not renew a certificate near its end is logged as such', async () => {
  const step: Step = ({ report, certificate }) => {
    const { names, state } = certificate;
    const notAfter = new Date(createFakeClock().now().getTime() + 3 * 24 * HOUR);
    const notBefore = new Date(notAfter.getTime() - 90 * 24 * HOUR);
    state.latest = { names, serial: '01', fingerprint256: 'AB', issuer: 'CN=x', notBefore, notAfter };
    report.fail(certificate, 'records', unreachable());
  };
  const { lines } = await run({ a: step }, 3);
  const ending = lines.filter(({ event }) => event === 'certificate-ends-soon');
  assert.deepEqual(
    ending.map(({ cause }) => cause),
    ['gone (PROVIDER_UNREACHABLE)', 'gone (PROVIDER_UNREACHABLE)'],
  );
});

test('onFinished is called for each certificate without a failure', async () => {
  const finished: string[] = [];
  const onFinished: ControllerOptions['onFinished'] = ({ names: [name] }) => void finished.push(name);
  await run({ a: succeeds, b: fails(unreachable) }, 2, { onFinished });
  assert.deepEqual(finished, ['a']);
});

test('a deferred order is retried when its deferral ends', async () => {
  const { now } = createFakeClock();
  const step: Step = ({ report, certificate }, attempt) => {
    if (attempt === 1)
      report.defer(certificate, { until: new Date(now().getTime() + 20 * MINUTE), reason: 'limits' });
  };
  assert.deepEqual((await run({ a: step }, 2)).runs, ['a at 0', 'a at 1200']);
});

test('after a refusal the next run is when the deferral of the next order ends', async () => {
  const refused = new IngressError('ACME_ORDER_FAILED', 'no');
  const { now } = createFakeClock();
  const step: Step = ({ report, certificate }, attempt) => {
    report.fail(certificate, 'certificate', refused);
    report.defer(certificate, {
      until: new Date(now().getTime() + attempt * 10 * MINUTE),
      reason: 'refused',
    });
  };
  assert.deepEqual((await run({ a: step }, 3)).runs, ['a at 0', 'a at 600', 'a at 1200']);
});

test('a run that hangs delays no other certificate', async () => {
  const hangs = Promise.withResolvers<void>();
  const { runs } = await run(
    {
      a: ({ report, certificate }, attempt) => {
        if (attempt === 1) report.fail(certificate, 'records', unreachable());
        return attempt === 2 ? hangs.promise : undefined;
      },
      b: (_, attempt) => {
        if (attempt === 3) hangs.resolve();
      },
    },
    5,
  );
  // The second run of a hangs until the third of b.
  assert.deepEqual(runs, ['ab at 0', 'a at 5', 'b at 3600', 'b at 7200', 'ab at 10800']);
});

test('on demand every certificate is reconciled, even during its back-off', async () => {
  let demand: () => void = () => undefined;
  const { runs } = await run(
    {
      a: fails(unreachable),
      b: (_, attempt) => {
        if (attempt === 1) demand();
      },
    },
    2,
    {
      onDemand: (due) => {
        demand = due;
        return () => undefined;
      },
    },
  );
  assert.deepEqual(runs, ['ab at 0', 'ab at 0']);
});

test('a run that rejects has failed for all of its certificates, and is retried', async () => {
  let runs = 0;
  const stop = new AbortController();
  const { emit, lines } = memoryLog();
  const clock = createFakeClock();
  const reconcile = async () => {
    runs += 1;
    if (runs === 2) stop.abort();
    throw new Error('timed out');
  };
  await runController(
    {
      certificates: ['a', 'b'].map((name) => manageCertificate([name])),
      ...{ reconcile, clock: patient(clock), random: () => 0, emit, timeoutMs: HOUR, intervalMs: HOUR },
      ...{ everyMinute: never, onDemand: never, onFinished: never },
    },
    stop.signal,
  );
  assert.equal(lines.filter(({ event }) => event === 'pass-failed').length, 2);
  assert.deepEqual(clock.waits[0], 5 * SECOND);
});

test('a run that takes too long is aborted', async () => {
  const limits: AbortSignal[] = [];
  const stop = new AbortController();
  const { emit, lines } = memoryLog();
  await runController(
    {
      certificates: [manageCertificate(['a'])],
      reconcile: async (_, signal) => {
        limits.push(signal);
        if (limits.length === 2) stop.abort();
        const { promise, reject } = Promise.withResolvers<never>();
        signal.addEventListener('abort', () => reject(signal.reason));
        if (signal.aborted) reject(signal.reason);
        return promise;
      },
      ...{ clock: patient(createFakeClock()), random: () => 0, emit, timeoutMs: 1, intervalMs: HOUR },
      ...{ everyMinute: never, onDemand: never, onFinished: never },
    },
    stop.signal,
  );
  assert.match(JSON.stringify(lines.find(({ event }) => event === 'pass-failed')), /timeout/i);
});

for (const [title, jumpMs, expected] of [
  ['a day forward', 24 * HOUR, 0],
  ['a day back', -24 * HOUR, HOUR],
] as const) {
  test(`after a jump of the clock by ${title}, the next run is within ${expected / MINUTE} minutes by the new time`, async () => {
    const clock = createFakeClock();
    let jumpedAt = 0;
    let tick: () => void = () => undefined;
    const jumping = {
      ...clock,
      // Timers do not notice that the clock was set; the minute tick does.
      wait: async (ms: number, signal?: AbortSignal) => {
        await setImmediate();
        if (jumpedAt !== 0) return clock.wait(ms, signal);
        clock.set(new Date(clock.now().getTime() + jumpMs));
        jumpedAt = clock.now().getTime();
        tick();
        return new Promise<void>(() => undefined);
      },
    };
    const at: number[] = [];
    await run({ a: () => void at.push(clock.now().getTime()) }, 2, {
      clock: jumping,
      everyMinute: (call) => {
        tick = call;
        return () => undefined;
      },
    });
    assert.equal((at[1] ?? 0) - jumpedAt, expected);
  });
}

test('a clock that is set back by a day does not make a back-off longer', async () => {
  const clock = createFakeClock();
  const { wait } = patient(clock);
  let isBack = false;
  const setBack = async (ms: number, signal?: AbortSignal) => {
    await wait(ms, signal);
    if (isBack) return;
    isBack = true;
    clock.set(new Date(clock.now().getTime() - 24 * HOUR));
  };
  await run({ a: fails(unreachable) }, 2, { intervalMs: 12 * HOUR, clock: { ...clock, wait: setBack } });
  const waitedMs = clock.waits.reduce((sum, ms) => sum + ms, 0);
  assert.ok(waitedMs <= 10 * SECOND, `${waitedMs / SECOND} s`);
});

test('a stop ends the controller while it waits, and its triggers', async () => {
  const stop = new AbortController();
  const ended: string[] = [];
  const { emit } = memoryLog();
  await runController(
    {
      certificates: [manageCertificate(['a'])],
      reconcile: async (some) => {
        queueMicrotask(() => stop.abort());
        return new Report(some, AbortSignal.timeout(1)).results;
      },
      everyMinute: () => () => void ended.push('minute'),
      onDemand: () => () => void ended.push('demand'),
      onFinished: never,
      ...{ clock: patient(createFakeClock()), random: () => 0, emit, timeoutMs: HOUR, intervalMs: HOUR },
    },
    stop.signal,
  );
  assert.deepEqual(ended, ['minute', 'demand']);
});

test('a stop waits for the runs that are under way', async () => {
  const stop = new AbortController();
  const { emit } = memoryLog();
  let isAborted = false;
  await runController(
    {
      certificates: [manageCertificate(['a'])],
      reconcile: async (_, signal) => {
        stop.abort(new Error('stopped'));
        await Promise.resolve();
        isAborted = signal.aborted;
        throw signal.reason;
      },
      ...{ everyMinute: never, onDemand: never, onFinished: never },
      ...{ clock: patient(createFakeClock()), random: () => 0, emit, timeoutMs: HOUR, intervalMs: HOUR },
    },
    stop.signal,
  );
  assert.ok(isAborted);
});

test('everyMinute calls back at every full minute in UTC, also while clocks change', async (t) => {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: new Date('2026-03-29T00:58:30Z') });
  afterTest(t, () => mock.timers.reset());
  const moments: string[] = [];
  const end = everyMinute(() => moments.push(new Date().toISOString().slice(11, 16)));
  for (let second = 0; second < 180; second += 1) {
    mock.timers.tick(SECOND);
    // node-cron continues in promises between its timers.
    for (let index = 0; index < 20; index += 1) await Promise.resolve();
  }
  end();
  assert.deepEqual(moments, ['00:59', '01:00', '01:01']);
});
