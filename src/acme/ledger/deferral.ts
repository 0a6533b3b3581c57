/** At most so many in any stretch of time. */
export interface Window {
  readonly count: number;
  /** Milliseconds. */
  readonly windowMs: number;
}

/** A token bucket: so many at once, and one more after each refill. */
export interface Bucket {
  readonly capacity: number;
  /** Milliseconds until one comes back. */
  readonly refillMs: number;
}

/** Something that must not happen yet. */
export interface Deferral {
  /** When it may, for all that is known now. */
  readonly until: Date;
  /** For a person; `at` is told beside it. */
  readonly reason: string;
  /** The failure that has led to it. */
  readonly failure?: PastFailure;
}

/** What an attempt failed with. */
export interface PastFailure {
  readonly at: Date;
  /** Of our registry of errors. */
  readonly code: string;
  /** The CA's words where it had any; undefined where an earlier version has written it down. */
  readonly message: string | undefined;
}

/** What happened of the kind that is counted. */
export interface Count {
  /** `certificates for exactly these names` */
  readonly what: string;
  /** The earliest first. */
  readonly times: readonly Date[];
}

const MINUTE = 60 * 1000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** What a window has against one more now; it slides, so each is forgotten exactly when the window has passed. Pure. */
export function windowDeferral(
  { what, times }: Count,
  { count, windowMs }: Window,
  now: Date,
): Deferral | undefined {
  const within = times.filter((time) => now.getTime() - time.getTime() < windowMs);
  // So many have to leave the window that one less than the limit is left.
  const leaving = within[within.length - count];
  if (!leaving) return undefined;
  const why = `${within.length} ${what} in ${describeSpan(windowMs)}`;
  return { until: new Date(leaving.getTime() + windowMs), reason: why };
}

/** What a bucket has against one more now; it was full before the first. Pure. */
export function bucketDeferral(
  { what, times }: Count,
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
  const why = `${capacity} ${what} at once, and one more every ${describeSpan(refillMs)}, are used up`;
  return { until: new Date(now.getTime() + refillMs - levelMs), reason: why };
}

function describeSpan(ms: number): string {
  const units: [number, string][] = [
    [DAY, 'days'],
    [HOUR, 'hours'],
    [MINUTE, 'minutes'],
    [1000, 'seconds'],
  ];
  const [unitMs, unit] = units.find(([size]) => ms % size === 0) ?? [1000, 'seconds'];
  const count = Math.round(ms / unitMs);
  return `${count} ${count === 1 ? unit.slice(0, -1) : unit}`;
}
