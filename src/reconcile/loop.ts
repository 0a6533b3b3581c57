import { schedule } from 'node-cron';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { type Failures, isRefusal, retryAfter } from './backoff.ts';
import type { Memory } from './parts.ts';
import { stopwatch } from './stopwatch.ts';

export interface LoopOptions {
  readonly pass: (signal: AbortSignal) => Promise<void>;
  readonly memory: Memory;
  /** Milliseconds after which a pass that hangs is given up. Every step has a shorter limit of its own. */
  readonly passLimitMs: number;
  /** Calls back when a pass is due by itself; returns what ends that. */
  readonly everyHour: (due: () => void) => () => void;
  /** Calls back when a person asks for a pass; returns what ends that. */
  readonly onDemand: (due: () => void) => () => void;
  /** In [0, 1). */
  readonly random: () => number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Passes, one after the other, until the signal aborts: at once, every hour, on demand, and again after a failure. */
export async function reconcileForever(options: LoopOptions, signal: AbortSignal): Promise<void> {
  let due = Promise.withResolvers<void>();
  const wake = () => due.resolve();
  const ends = [options.everyHour(wake), options.onDemand(wake)];
  let failures: Failures = { passes: 0, refusals: 0 };
  try {
    while (!signal.aborted) {
      due = Promise.withResolvers<void>();
      const outcome = await onePass(options, failures, signal);
      failures = outcome.failures;
      await nextPass(due.promise, outcome.retryMs, options.clock, signal);
    }
  } finally {
    for (const end of ends) end();
  }
}

interface Outcome {
  readonly failures: Failures;
  /** Undefined after a success: the next pass comes when it is due. */
  readonly retryMs: number | undefined;
}

async function onePass(options: LoopOptions, before: Failures, signal: AbortSignal): Promise<Outcome> {
  const { pass, memory, passLimitMs, random, clock, log } = options;
  const elapsed = stopwatch(clock);
  try {
    await pass(AbortSignal.any([signal, AbortSignal.timeout(passLimitMs)]));
    log.info({ event: 'pass-finished', seconds: elapsed() }, 'pass finished');
    const heldBackMs = (memory.orderNotBefore?.getTime() ?? 0) - clock.now().getTime();
    if (heldBackMs > 0) return { failures: { passes: 0, refusals: before.refusals }, retryMs: heldBackMs };
    return { failures: { passes: 0, refusals: 0 }, retryMs: undefined };
  } catch (thrown) {
    if (signal.aborted) return { failures: before, retryMs: undefined };
    const failures = { passes: before.passes + 1, refusals: before.refusals + (isRefusal(thrown) ? 1 : 0) };
    const { passMs, orderMs } = retryAfter(thrown, failures, random());
    if (orderMs > 0) memory.orderNotBefore = new Date(clock.now().getTime() + orderMs);
    const nextAttempt = new Date(clock.now().getTime() + passMs);
    log.error(
      { event: 'pass-failed', err: thrown, seconds: elapsed(), attempt: failures.passes, nextAttempt },
      'something has to be tried again',
    );
    return { failures, retryMs: passMs };
  }
}

async function nextPass(
  due: Promise<void>,
  retryMs: number | undefined,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const aborted = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => aborted.resolve(), { once: true, signal: over.signal });
  if (signal.aborted) aborted.resolve();
  const retry = retryMs === undefined ? [] : [clock.wait(retryMs, over.signal).catch(() => undefined)];
  await Promise.race([due, aborted.promise, ...retry]);
  over.abort();
}

/** Every hour at the given minute (0 to 59), in UTC: local time has hours that come twice or never. */
export function everyHourAt(minute: number): LoopOptions['everyHour'] {
  return (due) => {
    const task = schedule(`${minute} * * * *`, due, { timezone: 'UTC' });
    return () => void task.destroy();
  };
}
