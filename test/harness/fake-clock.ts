import type { Clock } from '../../src/clock.ts';

/** A clock that advances only through waits, which return at once. */
export interface FakeClock extends Clock {
  /** The duration of each wait in milliseconds, in order. */
  readonly waits: readonly number[];
  set(now: Date): void;
}

export function createFakeClock(start = new Date('2026-11-24T00:00:00Z')): FakeClock {
  let now = start.getTime();
  const waits: number[] = [];
  return {
    waits,
    now: () => new Date(now),
    set: (moment) => {
      now = moment.getTime();
    },
    async wait(ms, signal) {
      signal?.throwIfAborted();
      waits.push(ms);
      now += ms;
    },
  };
}
