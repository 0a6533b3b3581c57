import type { Order } from './client.ts';

/** Milliseconds; a CA that has not issued by then will not. */
const LONGEST_PROCESSING_MS = 24 * 3_600_000;

export interface OrderAge {
  /** When the order was made, by our clock. */
  readonly createdAt: Date;
  readonly now: Date;
  /** The CA's clock minus ours, in milliseconds. */
  readonly skewMs: number | undefined;
}

/**
 * Why an order leads to no certificate any more, whatever its status says; undefined while it may. An order that is not valid by its
 * `expires` never will be (RFC 8555 §7.1.6), and a CA that is still processing after a day has forgotten it. One that is valid has its
 * certificate. Pure.
 */
export function whyAbandoned(
  { status, expires }: Pick<Order, 'status' | 'expires'>,
  age: OrderAge,
): string | undefined {
  if (status === 'valid') return undefined;
  const over = expiry(expires, age);
  if (over !== undefined) return `is ${status} although it expired at ${over}`;
  return status === 'processing' ? afterADay(age) : undefined;
}

/**
 * Why a valid order that gives no certificate is not gone on with; undefined while it may only be late. Pure.
 */
export function whyDownloadAbandoned(order: Pick<Order, 'expires'>, age: OrderAge): string | undefined {
  const over = expiry(order.expires, age);
  if (over !== undefined) return `gives no certificate, and expired at ${over}`;
  return isADayOld(age) ? 'has given no certificate for a day' : undefined;
}

function afterADay(age: OrderAge): string | undefined {
  return isADayOld(age) ? 'has been processing for a day' : undefined;
}

/** Its `expires` when that is over; it is a moment of the CA's clock. */
function expiry(expires: string | undefined, { now, skewMs = 0 }: OrderAge): string | undefined {
  const end = Date.parse(expires ?? '');
  return end <= now.getTime() + skewMs ? new Date(end).toISOString() : undefined;
}

/** One that a clock that was set back puts far into the future is as old as nobody knows. */
function isADayOld({ createdAt, now }: OrderAge): boolean {
  return Math.abs(now.getTime() - createdAt.getTime()) >= LONGEST_PROCESSING_MS;
}
