/**
 * A `Retry-After` header in milliseconds: seconds, or a date that is compared with `now` (RFC 9110
 * §10.2.3). Undefined for anything else. Pure.
 */
export function parseRetryAfter(header: unknown, now: Date): number | undefined {
  if (typeof header !== 'string' || header.trim() === '') return undefined;
  // A longer number is no pause; as milliseconds it would overflow dates.
  if (/^\s*\d{1,9}\s*$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}
