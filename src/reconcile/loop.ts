import { schedule } from 'node-cron';
import type { Hold } from '../acme/ledger/limits.ts';
import type { Clock } from '../clock.ts';
import type { Emit } from '../events.ts';
import { isRefusal, LONGEST_RETRY_MS, passDelayMs } from './backoff.ts';
import { type Course, decidingFailure, type StepFailure } from './course.ts';
import type { ManagedCertificate } from './deps.ts';
import { tellOfEnd } from './outlook.ts';
import { stopwatch } from './stopwatch.ts';

export interface LoopOptions {
  readonly certificates: readonly ManagedCertificate[];
  /** One round; see `reconcile`. */
  readonly round: (some: readonly ManagedCertificate[], signal: AbortSignal) => Promise<readonly Course[]>;
  /** Milliseconds after which a round that hangs is given up. Every step has a shorter limit of its own. */
  readonly roundLimitMs: number;
  /** Milliseconds between two rounds over everything. */
  readonly intervalMs: number;
  /** Calls back every minute by the wall clock, whatever timers do meanwhile; returns what ends that. */
  readonly everyMinute: (tick: () => void) => () => void;
  /** Calls back when a person asks for a round; returns what ends that. */
  readonly onDemand: (due: () => void) => () => void;
  /** Called after each pass in which nothing failed. */
  readonly onFinished: (kept: ManagedCertificate) => void;
  /** In [0, 1). */
  readonly random: () => number;
  readonly clock: Clock;
  readonly emit: Emit;
}

/** One certificate, and when its turn comes. */
interface Turn {
  readonly kept: ManagedCertificate;
  /** Rounds that failed in a row. */
  failures: number;
  /** Of the wall clock, in milliseconds; undefined after a success: the next round over everything has it. */
  retryAt: number | undefined;
  /** Milliseconds from the moment at which that was set. */
  waitMs: number;
  /** A round over it is under way. */
  busy: boolean;
}

/**
 * Rounds until the signal aborts: over every certificate at once, then in every interval and on demand; after a failure again over
 * those that failed, each when its own back-off is over. A round that takes long holds up nobody else: who is due
 * meanwhile gets a round beside it.
 */
export async function reconcileForever(options: LoopOptions, signal: AbortSignal): Promise<void> {
  const { clock, intervalMs } = options;
  const turns = options.certificates.map((kept): Turn => {
    return { kept, failures: 0, retryAt: undefined, waitMs: 0, busy: false };
  });
  const rounds = new Set<Promise<void>>();
  let wake = Promise.withResolvers<void>();
  let allAt = clock.now().getTime();
  const awaken = () => wake.resolve();
  const demand = () => {
    const now = clock.now().getTime();
    for (const turn of turns) retry(turn, 0, now);
    awaken();
  };
  const ends = [options.everyMinute(awaken), options.onDemand(demand)];
  try {
    while (!signal.aborted) {
      wake = Promise.withResolvers();
      const now = clock.now().getTime();
      // A clock that was set back must not put anything off for longer than it would have waited anyway.
      allAt = Math.min(allAt, now + intervalMs);
      const due = takeDue(turns, now >= allAt, now);
      if (now >= allAt) allAt = now + intervalMs;
      if (due.length > 0) {
        const running: Promise<void> = oneRound(options, due, signal).finally(() => {
          rounds.delete(running);
          awaken();
        });
        rounds.add(running);
      }
      await untilNext(wake.promise, firstOf(turns, allAt) - now, clock, signal);
    }
  } finally {
    for (const end of ends) end();
    await Promise.allSettled(rounds);
  }
}

function retry(turn: Turn, waitMs: number, now: number): void {
  turn.waitMs = Math.min(Math.max(waitMs, 0), LONGEST_RETRY_MS);
  turn.retryAt = now + turn.waitMs;
}

/** Who is due and not busy; they are busy from now on. */
function takeDue(turns: readonly Turn[], all: boolean, now: number): Turn[] {
  const due = turns.filter((turn) => {
    // As for the rounds over everything.
    if (turn.retryAt !== undefined) turn.retryAt = Math.min(turn.retryAt, now + turn.waitMs);
    return !turn.busy && (all || (turn.retryAt !== undefined && turn.retryAt <= now));
  });
  for (const turn of due) {
    turn.busy = true;
    turn.retryAt = undefined;
  }
  return due;
}

/** The moment at which something is due next. */
function firstOf(turns: readonly Turn[], allAt: number): number {
  return turns.reduce(
    (first, { busy, retryAt }) => (busy || retryAt === undefined ? first : Math.min(first, retryAt)),
    allAt,
  );
}

async function oneRound(options: LoopOptions, due: readonly Turn[], signal: AbortSignal): Promise<void> {
  const elapsed = stopwatch(options.clock);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(options.roundLimitMs)]);
  const ends = await options
    .round(
      due.map(({ kept }) => kept),
      limit,
    )
    .then(
      (courses) => courses.map(endOf),
      (failure: unknown): RoundEnd[] => due.map(() => ({ ...NOTHING, deciding: { step: 'pass', failure } })),
    );
  for (const [index, turn] of due.entries()) {
    const end = ends[index];
    turn.busy = false;
    if (!end || signal.aborted) continue;
    const waitMs = endTurn(options, turn, end, elapsed());
    const now = options.clock.now();
    const nextAttempt = waitMs === undefined ? undefined : new Date(now.getTime() + waitMs);
    tellOfEnd(options.emit, turn.kept, { failure: end.deciding?.failure, held: end.held }, nextAttempt, now);
    // A person may have asked for another meanwhile.
    if (waitMs !== undefined && turn.retryAt === undefined) retry(turn, waitMs, now.getTime());
  }
}

interface RoundEnd {
  /** When it is tried again depends on this one. */
  readonly deciding: StepFailure | undefined;
  readonly others: readonly StepFailure[];
  /** Why no order is made yet. */
  readonly held: Hold | undefined;
}

const NOTHING: RoundEnd = { deciding: undefined, others: [], held: undefined };

function endOf(course: Course): RoundEnd {
  const deciding = decidingFailure(course);
  const others = course.failures.filter((failure) => failure !== deciding);
  return { deciding, others, held: course.held };
}

/** Says how it went; gives the milliseconds until the next attempt, if there is to be one before the next round over everything. */
function endTurn(
  { clock, random, onFinished, emit }: LoopOptions,
  turn: Turn,
  { deciding, others, held }: RoundEnd,
  seconds: number,
): number | undefined {
  const certificate = turn.kept.names;
  const now = clock.now().getTime();
  const heldMs = held && held.until.getTime() - now;
  if (deciding === undefined) {
    turn.failures = 0;
    emit({ type: 'reconcile-finished', certificate, seconds });
    onFinished(turn.kept);
    return heldMs;
  }
  turn.failures += 1;
  const { step, failure } = deciding;
  for (const { step, failure: error } of others) emit({ type: 'step-failed', certificate, step, error });
  const ownMs = passDelayMs(failure, turn.failures, random());
  const waitMs = isRefusal(failure) ? Math.max(ownMs, heldMs ?? 0) : ownMs;
  const nextAttempt = new Date(now + waitMs);
  const attempt = turn.failures;
  emit({ type: 'reconcile-failed', certificate, step, error: failure, seconds, attempt, nextAttempt });
  return waitMs;
}

/** Resolves when it is woken, when the time has come, or when the signal aborts. */
async function untilNext(
  woken: Promise<void>,
  waitMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const aborted = Promise.withResolvers<void>();
  const abort = () => aborted.resolve();
  signal.addEventListener('abort', abort, { once: true, signal: over.signal });
  if (signal.aborted) abort();
  const time = clock.wait(Math.max(0, waitMs), over.signal).catch(() => undefined);
  await Promise.race([woken, aborted.promise, time]);
  over.abort();
}

/** Every minute by the wall clock, in UTC: a machine that slept, or whose clock was set, is noticed by the next one. */
export function everyMinute(tick: () => void): () => void {
  const task = schedule('* * * * *', tick, { timezone: 'UTC' });
  return () => void task.destroy();
}
