import { type Health, withoutCertificate } from './health-result.ts';
import type { NameState, State } from './state.ts';

/** Milliseconds that a start may take to serve its first name. */
const START_MS = 10 * 60_000;

/**
 * Judges an ingress that serves no name yet. It is starting while a name may come up without the
 * operator within ten minutes of the start, or while it waits for something whose end is known.
 * Pure.
 */
export function judgeStart(state: State | undefined, names: readonly string[], now: Date): Health {
  const all = state?.names.filter(({ domain }) => names.includes(domain)) ?? [];
  const ends = state ? Date.parse(state.startedAt) + START_MS : 0;
  const waitsUntil = Date.parse(state?.waiting?.until ?? '');
  const isWithinLimit = now.getTime() < ends || now.getTime() < waitsUntil;
  const isStarting = isWithinLimit && all.some((name) => mayRecover(name, ends));
  const status = isStarting ? 'starting' : 'unhealthy';
  const cause = all.map(describeCause).find((words) => words !== '') ?? '';
  const waiting = state?.waiting ? `: ${state.waiting.sentence}` : '';
  return {
    status,
    sentence: `${status}: no certificate yet${cause || waiting}`,
    problems: names.map(withoutCertificate),
  };
}

/**
 * Whether the next attempt may succeed without the operator, and begins before the end of the
 * start.
 */
function mayRecover({ failure, held }: NameState, ends: number): boolean {
  if (failure?.retryable === false) return false;
  const next = Math.max(millisecondsOf(failure?.nextAttempt), millisecondsOf(held?.until));
  return next < ends;
}

function millisecondsOf(time: string | undefined): number {
  return time === undefined ? 0 : Date.parse(time);
}

/** Why there is no newer certificate, as a clause to append; empty if unknown. Pure. */
export function describeCause({ failure, held }: NameState): string {
  if (failure) {
    const { message, code, hint, retryable, nextAttempt } = failure;
    const fix = retryable || hint === '' ? '' : ` ${hint}`;
    return `: ${message} (${code}); the next attempt is at ${nextAttempt}.${fix}`;
  }
  return held ? `: no order before ${held.until}: ${held.sentence}` : '';
}
