import { untilAborted } from '../async.ts';
import type { Clock } from '../clock.ts';
import { isIngressError } from '../errors.ts';
import { isTimeout } from '../net/unanswered.ts';
import { isProblem, problemOf } from './problem.ts';

// At half of all nonces rejected, one request in four billion is rejected this often.
const NONCE_ATTEMPTS = 32;
const ATTEMPTS = 4;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Makes one ACME request persist: at once with a fresh nonce when the nonce was refused (RFC 8555 §6.5), and a few
 * times with a short pause when the CA could not be reached or failed by itself. Every other refusal, and a CA that
 * asks for a longer pause, is thrown to the caller, who knows what a later attempt costs. So is a time-out: whoever has waited for it
 * should hear of it before another one is over.
 */
export async function withRetries<T>(
  request: () => Promise<T>,
  clock: Clock,
  signal: AbortSignal,
): Promise<T> {
  let nonces = 0;
  let failures = 0;
  for (;;) {
    signal.throwIfAborted();
    try {
      // acme-client's requests take no signal.
      return await untilAborted(request(), signal);
    } catch (thrown) {
      signal.throwIfAborted();
      if (isProblem(thrown, 'badNonce') && ++nonces < NONCE_ATTEMPTS) continue;
      const pauseMs = passingPauseMs(thrown, failures);
      if (pauseMs === undefined || ++failures >= ATTEMPTS) throw thrown;
      await clock.wait(pauseMs, signal);
    }
  }
}

function passingPauseMs(thrown: unknown, failures: number): number | undefined {
  const backoffMs = 500 * 2 ** failures;
  if (isIngressError(thrown, 'ACME_UNREACHABLE')) return isTimeout(thrown.cause) ? undefined : backoffMs;
  if (!isIngressError(thrown, 'ACME_PROBLEM')) return undefined;
  const status = problemOf(thrown)?.status ?? 0;
  const pauseMs = thrown.retryAfterMs ?? backoffMs;
  return status >= 500 && pauseMs <= LONGEST_PAUSE_MS ? Math.max(pauseMs, backoffMs) : undefined;
}
