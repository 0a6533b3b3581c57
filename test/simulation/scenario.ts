export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

/** What goes wrong in a year, and how the ingress is set. Everything in milliseconds, moments since the year began. */
export interface Scenario {
  readonly title: string;
  /** RENEW_DAYS_BEFORE. */
  readonly daysBefore?: number;
  /** What the CA answers when it is asked for advice; without it the CA knows neither advice nor exempt renewals. */
  readonly advice?: (certificate: Issued, time: number) => Answer;
  /** False when such a CA counts renewals all the same. */
  readonly hasExemption?: boolean;
  readonly outages?: readonly Outage[];
  /** How far the clock of the ingress is ahead. */
  readonly clockAhead?: (time: number, lifetime: number) => number;
  /** What that may take of the life that is left when a certificate is due by itself; nothing when it is not said. */
  readonly takes?: (lifetime: number) => number;
  /** It takes more than is left of one that lives for 160 hours. */
  readonly isTooLongForShort?: boolean;
  /** How long a certificate is kept at least, on average; until it is due by itself when it is not said. */
  readonly keeps?: (lifetime: number) => number;
}

export interface Outage {
  /** The CA answers nothing, or does not see the challenge. */
  readonly what: 'ca' | 'dns';
  /** When it begins: whenever a renewal is due, or at these moments. */
  readonly at: 'due' | readonly number[];
  readonly lasts: number;
}

/** A certificate as the CA has it. */
export interface Issued {
  readonly start: number;
  readonly end: number;
  readonly lifetime: number;
}

/** A window, no answer, or something else. */
export type Answer = { readonly start: number; readonly end: number } | undefined | string | number;

/** What is left of a certificate when Let's Encrypt wants it to be renewed. */
export function leftWhenDue(lifetime: number): number {
  return lifetime / (lifetime < 10 * DAY ? 2 : 3);
}

/** The window that Let's Encrypt suggests: a fiftieth of the lifetime. */
export function usual(certificate: Issued): Answer {
  const middle = certificate.end - leftWhenDue(certificate.lifetime);
  return { start: middle - certificate.lifetime / 100, end: middle + certificate.lifetime / 100 };
}

/** The window that it suggested in former years. */
export function twoDays(certificate: Issued): Answer {
  const middle = certificate.end - leftWhenDue(certificate.lifetime);
  return { start: middle - DAY, end: middle + DAY };
}

/** The window that it suggests for a certificate that is to be revoked. */
export function atOnce(time: number): Answer {
  return { start: time - HOUR, end: time - HOUR / 2 };
}
