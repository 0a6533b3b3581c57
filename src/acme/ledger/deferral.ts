import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../duration.ts';

/** A sliding window: at most `count` in any `windowMs` milliseconds. */
export interface Window {
  readonly count: number;
  /** Milliseconds. */
  readonly windowMs: number;
}

/** A token bucket: `capacity` events at once, and one more per refill interval. */
export interface Bucket {
  readonly capacity: number;
  /** The refill interval: milliseconds per token. */
  readonly refillMs: number;
}

/**
 * A limit of ours or of the CA. `pause`: the CA asked to wait; `refusal`: the last order failed.
 */
export type LimitName =
  | 'pause'
  | 'refusal'
  | 'exact-set'
  | 'failed-authorizations'
  | 'fruitless-orders'
  | 'registered-domain'
  | 'new-orders';

/** Why a step is deferred, and until when. */
export interface Deferral {
  /** The earliest time for the step, as far as is known now. */
  readonly until: Date;
  /** The limit that defers the step; undefined if the reason is not a limit. */
  readonly limit?: LimitName;
  /** For the user; shown with `until`. */
  readonly reason: string;
  /** The failure that led to the deferral. */
  readonly failure?: PastFailure;
}

/** A failure of an earlier attempt. */
export interface PastFailure {
  readonly at: Date;
  /** From src/errors.ts. */
  readonly code: string;
  /** Includes the CA's own text if it sent any; undefined in entries of early versions. */
  readonly message: string | undefined;
}

/** The events that a limit counts. */
export interface Count {
  readonly limit: LimitName;
  /** One, and several, such as `certificate for these names` and `certificates for these names`. */
  readonly what: readonly [one: string, several: string];
  /** Earliest first. */
  readonly times: readonly Date[];
}

/** Why a sliding window permits no further event now; undefined if it permits one. Pure. */
export function windowDeferral(
  { limit, what: [one, several], times }: Count,
  { count, windowMs }: Window,
  now: Date,
): Deferral | undefined {
  const within = times.filter((time) => now.getTime() - time.getTime() < windowMs);
  // Once this event leaves the window, one fewer than the limit remains in it.
  const leaving = within[within.length - count];
  if (!leaving) return undefined;
  const why = `${within.length} ${within.length === 1 ? one : several} in ${describePeriod(windowMs)}`;
  return { until: new Date(leaving.getTime() + windowMs), limit, reason: why };
}

/**
 * Why a token bucket permits no further event now; undefined if it permits one. The bucket is full
 * before the first event. Pure.
 */
export function bucketDeferral(
  { limit, what: [one, several], times }: Count,
  { capacity, refillMs }: Bucket,
  now: Date,
): Deferral | undefined {
  const fullMs = capacity * refillMs;
  let last = Number.NEGATIVE_INFINITY;
  let levelMs = fullMs;
  const fill = (time: Date) => {
    levelMs = Math.min(fullMs, levelMs + time.getTime() - last);
    last = time.getTime();
  };
  for (const time of times) {
    fill(time);
    levelMs -= refillMs;
  }
  fill(now);
  if (levelMs >= refillMs) return undefined;
  const usedUp = capacity === 1 ? `the 1 ${one} is used up` : `all ${capacity} ${several} are used up`;
  const why = `${usedUp}; one more is allowed every ${describePeriod(refillMs)}`;
  return { until: new Date(now.getTime() + refillMs - levelMs), limit, reason: why };
}

/** Milliseconds in the largest unit that divides them: `202 minutes`. */
function describePeriod(ms: number): string {
  const units: [number, string][] = [
    [DAY_MS, 'days'],
    [HOUR_MS, 'hours'],
    [MINUTE_MS, 'minutes'],
    [SECOND_MS, 'seconds'],
  ];
  const [unitMs, unit] = units.find(([size]) => ms % size === 0) ?? [SECOND_MS, 'seconds'];
  const count = Math.round(ms / unitMs);
  return `${count} ${count === 1 ? unit.slice(0, -1) : unit}`;
}
