import { schedule } from 'node-cron';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { type Failures, isRefusal, retryAfter } from './backoff.ts';
import type { Memory } from './parts.ts';
import { stopwatch } from './stopwatch.ts';

/** One name, and how it is kept as it should be. */
export interface KeptName {
  /** Serves what is stored, if that is valid, and asks nobody outside. */
  readonly serveStored: () => Promise<void>;
  readonly pass: (signal: AbortSignal) => Promise<void>;
  /** Milliseconds after which a pass that hangs is given up. Every step has a shorter limit of its own. */
  readonly passLimitMs: number;
  readonly memory: Memory;
  /** Says of which name each line is. */
  readonly log: Log;
}

export interface LoopOptions {
  readonly names: readonly KeptName[];
  /** Calls back when a pass is due by itself; returns what ends that. */
  readonly everyHour: (due: () => void) => () => void;
  /** Calls back when a person asks for a pass; returns what ends that. */
  readonly onDemand: (due: () => void) => () => void;
  /** In [0, 1). */
  readonly random: () => number;
  readonly clock: Clock;
}

/**
 * Passes, one name after the other, until the signal aborts: over every name at once, every hour and on demand; after a
 * failure again over the names that failed, each when its own back-off is over. A name that fails holds up no other.
 */
export async function reconcileForever(options: LoopOptions, signal: AbortSignal): Promise<void> {
  let due = Promise.withResolvers<'due'>();
  const wake = () => due.resolve('due');
  const ends = [options.everyHour(wake), options.onDemand(wake)];
  const all = options.names.map((name): Kept => ({ name, failures: NONE, retryAt: undefined }));
  let round: readonly Kept[] = all;
  try {
    while (!signal.aborted) {
      due = Promise.withResolvers();
      await oneRound(options, round, signal);
      const why = await nextRound(due.promise, waitMs(all, options.clock), options.clock, signal);
      round = why === 'due' ? all : all.filter((kept) => isDue(kept, options.clock));
    }
  } finally {
    for (const end of ends) end();
  }
}

const NONE: Failures = { passes: 0, refusals: 0 };

/** What is known of a name between its passes. */
interface Kept {
  readonly name: KeptName;
  failures: Failures;
  /** Undefined after a success: the next pass comes when it is due. */
  retryAt: number | undefined;
}

function isDue({ retryAt }: Kept, clock: Clock): boolean {
  return retryAt !== undefined && retryAt <= clock.now().getTime();
}

/** Until the name whose turn comes first; undefined when none waits. */
function waitMs(all: readonly Kept[], clock: Clock): number | undefined {
  const moments = all.flatMap(({ retryAt }) => retryAt ?? []);
  // Not Math.min(...moments), which has its limits.
  const first = moments.reduce((least, moment) => Math.min(least, moment), Number.POSITIVE_INFINITY);
  return moments.length === 0 ? undefined : Math.max(0, first - clock.now().getTime());
}

async function oneRound(options: LoopOptions, round: readonly Kept[], signal: AbortSignal): Promise<void> {
  // What fails here is tried again, and said, in the pass of the name.
  for (const { name } of round) {
    if (signal.aborted) return;
    await name.serveStored().catch(() => undefined);
  }
  for (const kept of round) {
    if (signal.aborted) return;
    await onePass(options, kept, signal);
  }
}

async function onePass({ random, clock }: LoopOptions, kept: Kept, signal: AbortSignal): Promise<void> {
  const { pass, passLimitMs, memory, log } = kept.name;
  const before = kept.failures;
  const elapsed = stopwatch(clock);
  try {
    await pass(AbortSignal.any([signal, AbortSignal.timeout(passLimitMs)]));
    log.info({ event: 'pass-finished', seconds: elapsed() }, 'pass finished');
    const heldBackUntil = memory.orderNotBefore?.getTime() ?? 0;
    const heldBack = heldBackUntil > clock.now().getTime();
    kept.failures = { passes: 0, refusals: heldBack ? before.refusals : 0 };
    kept.retryAt = heldBack ? heldBackUntil : undefined;
  } catch (thrown) {
    if (signal.aborted) return;
    const failures = { passes: before.passes + 1, refusals: before.refusals + (isRefusal(thrown) ? 1 : 0) };
    const { passMs, orderMs } = retryAfter(thrown, failures, random());
    const now = clock.now().getTime();
    if (orderMs > 0) memory.orderNotBefore = new Date(now + orderMs);
    const nextAttempt = new Date(now + passMs);
    log.error(
      { event: 'pass-failed', err: thrown, seconds: elapsed(), attempt: failures.passes, nextAttempt },
      'something has to be tried again',
    );
    kept.failures = failures;
    kept.retryAt = nextAttempt.getTime();
  }
}

/** Resolves with what is due when every name is. */
async function nextRound(
  due: Promise<'due'>,
  retryMs: number | undefined,
  clock: Clock,
  signal: AbortSignal,
): Promise<'due' | undefined> {
  const over = new AbortController();
  const aborted = Promise.withResolvers<undefined>();
  const abort = () => aborted.resolve(undefined);
  signal.addEventListener('abort', abort, { once: true, signal: over.signal });
  if (signal.aborted) abort();
  const retry = retryMs === undefined ? [] : [clock.wait(retryMs, over.signal).catch(() => undefined)];
  const why = await Promise.race([due, aborted.promise, ...retry]);
  over.abort();
  return why ?? undefined;
}

/** Every hour at the given minute (0 to 59), in UTC: local time has hours that come twice or never. */
export function everyHourAt(minute: number): LoopOptions['everyHour'] {
  return (due) => {
    const task = schedule(`${minute} * * * *`, due, { timezone: 'UTC' });
    return () => void task.destroy();
  };
}
