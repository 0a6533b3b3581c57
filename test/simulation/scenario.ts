export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

/**
 * The faults of a simulated year, and the settings of the ingress. Milliseconds; times count from
 * the start of the year.
 */
export interface Scenario {
  readonly title: string;
  /** RENEW_DAYS_BEFORE. */
  readonly daysBefore?: number;
  /**
   * The CA's response to requests for renewal information; undefined if it supports neither that
   * nor exempt renewals.
   */
  readonly advice?: (certificate: Issued, time: number) => Answer;
  /** False if a CA with renewal information counts renewals all the same. */
  readonly hasExemption?: boolean;
  readonly outages?: readonly Outage[];
  /** How far the ingress's clock is ahead. */
  readonly clockAhead?: (time: number, lifetime: number) => number;
  /** How much of the lifetime that is left when a certificate is due may be lost. Default: none. */
  readonly mayLose?: (lifetime: number) => number;
  /** Whether a certificate of 160 hours expires in this scenario. */
  readonly expiresShortLived?: boolean;
  /**
   * The average time between issuances is at least this. Default: the age at which a certificate is
   * due.
   */
  readonly minInterval?: (lifetime: number) => number;
}

export interface Outage {
  /** `ca`: the CA does not respond. `dns`: the CA does not see the challenge. */
  readonly what: 'ca' | 'dns';
  /** When it starts: whenever a renewal is due, or at these times. */
  readonly at: 'due' | readonly number[];
  readonly lasts: number;
}

/** A certificate, as known to the CA. */
export interface Issued {
  readonly start: number;
  readonly end: number;
  readonly lifetime: number;
}

/** A window, no response, or another body. */
export type Answer = { readonly start: number; readonly end: number } | undefined | string | number;

/** How much of the lifetime is left when Let's Encrypt suggests a renewal. */
export function leftWhenDue(lifetime: number): number {
  return lifetime / (lifetime < 10 * DAY ? 2 : 3);
}

/** The window that Let's Encrypt suggests: a fiftieth of the lifetime. */
export function usual(certificate: Issued): Answer {
  const middle = certificate.end - leftWhenDue(certificate.lifetime);
  return { start: middle - certificate.lifetime / 100, end: middle + certificate.lifetime / 100 };
}

/** The window of two days that Let's Encrypt suggested in earlier years. */
export function twoDays(certificate: Issued): Answer {
  const middle = certificate.end - leftWhenDue(certificate.lifetime);
  return { start: middle - DAY, end: middle + DAY };
}

/** The window that Let's Encrypt suggests for a certificate that will be revoked. */
export function atOnce(time: number): Answer {
  return { start: time - HOUR, end: time - HOUR / 2 };
}
