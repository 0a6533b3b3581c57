/** Seconds. More often, a look would find that of a moment ago; a certificate of six days wants one every day. */
const LEAST = 60;
const MOST = 43_200;

/**
 * The seconds between two looks at everything: those of RENEW_INTERVAL, within bounds. What lies outside is moved and
 * warned of, not refused: the older container took every number, so one that was good there must not keep this one from
 * serving. Pure.
 */
export function boundInterval(seconds: number): { seconds: number; warnings: string[] } {
  const bound = Math.min(Math.max(seconds, LEAST), MOST);
  const warning = `RENEW_INTERVAL=${seconds} counts as ${bound}: it can be ${LEAST} to ${MOST} seconds`;
  return { seconds: bound, warnings: bound === seconds ? [] : [warning] };
}
