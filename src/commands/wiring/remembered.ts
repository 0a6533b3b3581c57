import type { Clock } from '../../clock.ts';

/** Caches an answer for some milliseconds. Failures are not cached. */
export function remembered<T>(
  work: (signal: AbortSignal) => Promise<T>,
  forMs: number,
  clock: Clock,
): (signal: AbortSignal) => Promise<T> {
  let last: { readonly answer: T; readonly until: number } | undefined;
  return async (signal) => {
    const now = clock.now().getTime();
    if (last && now < last.until) return last.answer;
    const answer = await work(signal);
    last = { answer, until: clock.now().getTime() + forMs };
    return answer;
  };
}
