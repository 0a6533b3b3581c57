import type { Clock } from '../clock.ts';

/** Seconds since it was made, with milliseconds. */
export function stopwatch(clock: Clock): () => number {
  const start = clock.now().getTime();
  return () => (clock.now().getTime() - start) / 1000;
}
