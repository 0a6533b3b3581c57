import { refusals } from './linode-refusal.ts';

const WINDOW_MS = 60_000;

/** The limits of one user (https://techdocs.akamai.com/linode-api/reference/rate-limits). */
const LIMITS = { list: 200, other: 1600 } as const;

/** Counts each token's calls in windows of one minute. */
export class Rates {
  readonly #now: () => number;
  readonly #windows = new Map<string, { endsAt: number; calls: number }>();

  /** `now` in milliseconds since the epoch. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Counts a call and returns the seconds until the window ends, which every response includes.
   * Throws Refusal.
   */
  count(token: string, kind: keyof typeof LIMITS): number {
    const now = this.#now();
    const key = `${kind} ${token}`;
    const known = this.#windows.get(key);
    const window = known && known.endsAt > now ? known : { endsAt: now + WINDOW_MS, calls: 0 };
    window.calls += 1;
    this.#windows.set(key, window);
    if (window.calls > LIMITS[kind]) throw refusals.tooMany();
    return Math.ceil((window.endsAt - now) / 1000);
  }
}
