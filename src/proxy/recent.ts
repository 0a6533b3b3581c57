/**
 * Whether `at` is less than `ms` milliseconds before `now`. False if it is after `now`: the clock
 * has been set back since. Pure.
 */
export function isRecent(at: number, ms: number, now: number): boolean {
  return at <= now && now - at < ms;
}
