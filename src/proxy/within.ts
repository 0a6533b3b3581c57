/** Whether less than `ms` milliseconds have passed since `at`. Not when `at` is still to come: the clock was set back since. Pure. */
export function within(ms: number, at: number, now: number): boolean {
  return at <= now && now - at < ms;
}
