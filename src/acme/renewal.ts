import type { CertificateFacts } from '../certificates/certificate.ts';

/** What to do about a certificate now, with a reason that a person understands. */
export type RenewalDecision =
  | { readonly action: 'order'; readonly reason: string }
  | { readonly action: 'keep'; readonly until: Date; readonly reason: string };

/** The part of the lifetime that must be left; below it a new certificate is ordered. */
const PART_LEFT = 1 / 3;

/**
 * Decides whether a certificate is ordered now: when there is none that can be served, and when a third of the
 * lifetime is left. Pure: the same arguments always give the same decision.
 */
export function decideRenewal(
  certificate: CertificateFacts | undefined,
  unusable: string | undefined,
  now: Date,
): RenewalDecision {
  if (!certificate) return { action: 'order', reason: 'there is no certificate yet' };
  if (unusable !== undefined)
    return { action: 'order', reason: `the certificate cannot be served: ${unusable}` };
  const due = renewalDue(certificate);
  return now >= due
    ? {
        action: 'order',
        reason: `a third or less of the lifetime is left; it ends at ${certificate.notAfter.toISOString()}`,
      }
    : { action: 'keep', until: due, reason: `renewal is due at ${due.toISOString()}` };
}

/** The moment from which a third of the lifetime is left. */
export function renewalDue({ notBefore, notAfter }: CertificateFacts): Date {
  const lifetimeMs = notAfter.getTime() - notBefore.getTime();
  return new Date(notAfter.getTime() - lifetimeMs * PART_LEFT);
}
