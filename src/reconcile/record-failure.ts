import type { Authority } from '../acme/issuance.ts';
import { problemOf } from '../acme/problem.ts';
import { type IngressError, isIngressError } from '../errors.ts';
import { isRefusal, orderDelayMs } from './backoff.ts';
import type { Deps } from './deps.ts';
import type { RenewalTask } from './renewal.ts';
import type { Report } from './report.ts';

/** An attempt to get a certificate from a CA. */
export interface OrderAttempt {
  /** The CA whose ledger records it. */
  readonly authority: Authority;
  readonly task: RenewalTask;
  /** Its ID in the ledger, once an order is open. */
  readonly attemptId?: string;
}

/**
 * Calls `work`. If it fails, records the failure in the CA's ledger and rejects with it. The length
 * of the CA's failure streak decides which CA is used next.
 */
export async function recordingFailure<T>(
  deps: Deps,
  report: Report,
  attempt: OrderAttempt,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    await recordFailure(deps, report, attempt, thrown);
    throw thrown;
  }
}

/**
 * Records a failed attempt in the CA's ledger, so that its back-off survives a restart. A failure
 * before the first request to the CA costs nothing there and is not recorded. Reports a ledger that
 * cannot be written, which counts an attempt without a result as failed.
 */
async function recordFailure(
  deps: Deps,
  report: Report,
  { authority: { ledger }, task, attemptId }: OrderAttempt,
  thrown: unknown,
): Promise<void> {
  const { names } = task.certificate;
  if (!isIngressError(thrown) || !(isRefusal(thrown) || thrown.code.startsWith('ACME_'))) return;
  try {
    const history = await ledger.history();
    const now = deps.clock.now().getTime();
    const pauseUntil = pauseOf(thrown, now);
    const problem = { code: thrown.code, message: thrown.message.slice(0, LONGEST_MESSAGE) };
    if (pauseUntil) await ledger.write({ event: 'pause', until: pauseUntil.toISOString(), ...problem });
    const refused = isRefusal(thrown);
    // One entry shows since when; a longer outage needs no more.
    if (!refused && history.failingSince(names) !== undefined) return;
    const usualMs = orderDelayMs(thrown, history.refusalsInARow(names) + 1, deps.random());
    const orderMs = Math.min(usualMs, longestWaitMs(task, now));
    const notBefore = orderMs > 0 ? new Date(now + orderMs) : undefined;
    if (notBefore) report.defer(task, { until: notBefore, reason: problem.message });
    await ledger.write({
      event: 'failed',
      names,
      ...problem,
      refused,
      ...(attemptId === undefined ? {} : { attempt: attemptId }),
      ...invalidOf(thrown),
      ...(notBefore === undefined ? {} : { notBefore: notBefore.toISOString() }),
    });
  } catch (error) {
    deps.emit({ type: 'ledger-failed', certificate: names, error });
  }
}

/** Characters. The CA's text has to fit into a line of the ledger. */
const LONGEST_MESSAGE = 1000;

/**
 * A certificate that ends in a few days cannot wait for a day after each failure. A wait of a
 * quarter of the remaining time leaves time for more attempts.
 */
function longestWaitMs({ stored }: RenewalTask, now: number): number {
  if (!stored) return Number.POSITIVE_INFINITY;
  return Math.max((stored.facts.notAfter.getTime() - now) / 4, SHORTEST_LAST_WAIT_MS);
}

/**
 * The same as the third back-off. More frequent attempts are no use, and would approach the CA's
 * limit of failed validations.
 */
const SHORTEST_LAST_WAIT_MS = 100 * 60_000;

/**
 * Until when a CA asks all its clients to wait: because of an outage or its limit of requests, not
 * because of a limit of the certificate.
 */
function pauseOf(thrown: IngressError, now: number): Date | undefined {
  const status = problemOf(thrown)?.status ?? 0;
  const isGeneral =
    thrown.code === 'ACME_PROBLEM' && (status >= 500 || (status === 429 && !isRefusal(thrown)));
  return isGeneral && thrown.retryAfterMs !== undefined ? new Date(now + thrown.retryAfterMs) : undefined;
}

function invalidOf({ details }: IngressError): { invalid?: string[] } {
  const { invalid } = details;
  return Array.isArray(invalid) ? { invalid: invalid.filter((name) => typeof name === 'string') } : {};
}
