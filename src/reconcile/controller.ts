import { schedule } from 'node-cron';
import type { Deferral } from '../acme/ledger/limits.ts';
import type { Clock } from '../clock.ts';
import { stopwatch } from '../clock.ts';
import type { Emit } from '../events.ts';
import { isRefusal, LONGEST_RETRY_MS, reconcileDelayMs } from './backoff.ts';
import { logEnding } from './certificate-log.ts';
import type { ManagedCertificate } from './deps.ts';
import { decidingFailure, type ReconcileResult, type StepFailure } from './report.ts';

export interface ControllerOptions {
  readonly certificates: readonly ManagedCertificate[];
  /** See reconcile.ts. */
  readonly reconcile: (
    some: readonly ManagedCertificate[],
    signal: AbortSignal,
  ) => Promise<readonly ReconcileResult[]>;
  /**
   * Milliseconds after which a run that hangs is aborted. Every step has a shorter timeout of its
   * own.
   */
  readonly timeoutMs: number;
  /** Milliseconds between two runs over all certificates. */
  readonly intervalMs: number;
  /**
   * Calls `tick` every minute by the wall clock, independently of timers. Returns the function that
   * ends it.
   */
  readonly everyMinute: (tick: () => void) => () => void;
  /** Calls `due` when the operator requests a run. Returns the function that ends it. */
  readonly onDemand: (due: () => void) => () => void;
  /** Called for a certificate after each run in which nothing failed for it. */
  readonly onFinished: (certificate: ManagedCertificate) => void;
  /** In [0, 1). */
  readonly random: () => number;
  readonly clock: Clock;
  readonly emit: Emit;
}

/** A certificate, and when it is reconciled next. */
interface Scheduled {
  readonly certificate: ManagedCertificate;
  /** Runs that failed in a row. */
  failures: number;
  /**
   * Milliseconds since the epoch; undefined after a success, when the next run over all
   * certificates includes it.
   */
  retryAt: number | undefined;
  /** Milliseconds between the time at which `retryAt` was set and `retryAt`. */
  waitMs: number;
  /** Whether a run over it is in progress. */
  busy: boolean;
}

/**
 * Reconciles until the signal aborts: all certificates together at the start, in every interval and
 * on demand; after a failure, each failed certificate when its own back-off is over. A long run
 * does not delay other certificates: those that become due during it get a concurrent run.
 */
export async function runController(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  const { clock, intervalMs } = options;
  const all = options.certificates.map((certificate): Scheduled => {
    return { certificate, failures: 0, retryAt: undefined, waitMs: 0, busy: false };
  });
  const runs = new Set<Promise<void>>();
  let wake = Promise.withResolvers<void>();
  let allAt = clock.now().getTime();
  const wakeUp = () => wake.resolve();
  const demand = () => {
    const now = clock.now().getTime();
    for (const one of all) retry(one, 0, now);
    wakeUp();
  };
  const ends = [options.everyMinute(wakeUp), options.onDemand(demand)];
  try {
    while (!signal.aborted) {
      wake = Promise.withResolvers();
      const now = clock.now().getTime();
      // Setting the clock back must not delay a run beyond its interval.
      allAt = Math.min(allAt, now + intervalMs);
      const due = takeDue(all, now >= allAt, now);
      if (now >= allAt) allAt = now + intervalMs;
      if (due.length > 0) {
        const running: Promise<void> = run(options, due, signal).finally(() => {
          runs.delete(running);
          wakeUp();
        });
        runs.add(running);
      }
      await untilNext(wake.promise, nextDueAt(all, allAt) - now, clock, signal);
    }
  } finally {
    for (const end of ends) end();
    await Promise.allSettled(runs);
  }
}

function retry(one: Scheduled, waitMs: number, now: number): void {
  one.waitMs = Math.min(Math.max(waitMs, 0), LONGEST_RETRY_MS);
  one.retryAt = now + one.waitMs;
}

/** The certificates that are due and not busy; marks them as busy. */
function takeDue(scheduled: readonly Scheduled[], isForAll: boolean, now: number): Scheduled[] {
  const due = scheduled.filter((one) => {
    // Setting the clock back must not delay a retry beyond its wait, either.
    if (one.retryAt !== undefined) one.retryAt = Math.min(one.retryAt, now + one.waitMs);
    return !one.busy && (isForAll || (one.retryAt !== undefined && one.retryAt <= now));
  });
  for (const one of due) {
    one.busy = true;
    one.retryAt = undefined;
  }
  return due;
}

function nextDueAt(scheduled: readonly Scheduled[], allAt: number): number {
  return scheduled.reduce(
    (first, { busy, retryAt }) => (busy || retryAt === undefined ? first : Math.min(first, retryAt)),
    allAt,
  );
}

async function run(
  options: ControllerOptions,
  due: readonly Scheduled[],
  signal: AbortSignal,
): Promise<void> {
  const elapsed = stopwatch(options.clock);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)]);
  const certificates = due.map(({ certificate }) => certificate);
  const outcomes = await options.reconcile(certificates, limit).then(
    (results) => results.map(outcomeOf),
    (failure: unknown): Outcome[] =>
      due.map(() => ({ deciding: { step: 'reconciliation', failure }, others: [], deferral: undefined })),
  );
  for (const [index, one] of due.entries()) {
    const outcome = outcomes[index];
    one.busy = false;
    if (!outcome || signal.aborted) continue;
    const waitMs = conclude(options, one, outcome, elapsed());
    const now = options.clock.now();
    const nextAttempt = waitMs === undefined ? undefined : new Date(now.getTime() + waitMs);
    const { deciding, deferral } = outcome;
    logEnding(options, one.certificate, { failure: deciding?.failure, deferral }, nextAttempt, now);
    // The operator may have requested another run in the meantime.
    if (waitMs !== undefined && one.retryAt === undefined) retry(one, waitMs, now.getTime());
  }
}

interface Outcome {
  /** Decides when to retry. */
  readonly deciding: StepFailure | undefined;
  readonly others: readonly StepFailure[];
  readonly deferral: Deferral | undefined;
}

function outcomeOf(result: ReconcileResult): Outcome {
  const deciding = decidingFailure(result);
  const others = result.failures.filter((failure) => failure !== deciding);
  return { deciding, others, deferral: result.deferral };
}

/**
 * Reports the outcome. Returns the milliseconds until the next run, if one is due before the next
 * run over all certificates.
 */
function conclude(
  { clock, random, onFinished, emit }: ControllerOptions,
  one: Scheduled,
  { deciding, others, deferral }: Outcome,
  seconds: number,
): number | undefined {
  const { names: certificate } = one.certificate;
  const now = clock.now().getTime();
  const deferredMs = deferral && deferral.until.getTime() - now;
  if (deciding === undefined) {
    one.failures = 0;
    emit({ type: 'reconcile-finished', certificate, seconds });
    onFinished(one.certificate);
    return deferredMs;
  }
  one.failures += 1;
  const { step, failure } = deciding;
  for (const { step, failure: error } of others) emit({ type: 'step-failed', certificate, step, error });
  const ownMs = reconcileDelayMs(failure, one.failures, random());
  const waitMs = isRefusal(failure) ? Math.max(ownMs, deferredMs ?? 0) : ownMs;
  const nextAttempt = new Date(now + waitMs);
  const attempt = one.failures;
  emit({ type: 'reconcile-failed', certificate, step, error: failure, seconds, attempt, nextAttempt });
  return waitMs;
}

/** Resolves when it is woken, after `waitMs`, or when the signal aborts. */
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

/**
 * Calls `tick` every minute by the wall clock, in UTC, so that the controller notices within a
 * minute that the machine slept or that its clock was set. Returns the function that ends it.
 */
export function everyMinute(tick: () => void): () => void {
  const task = schedule('* * * * *', tick, { timezone: 'UTC' });
  return () => void task.destroy();
}
