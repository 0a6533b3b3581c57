import type { History } from '../acme/ledger/history.ts';
import { type Deferral, orRefusal } from '../acme/ledger/limits.ts';
import type { CertificateNames } from '../certificates/certificate.ts';
import { challengeName } from '../dns/name.ts';

/**
 * Chooses the CA for an order, and decides whether the order has to wait, based on the ledgers.
 * Pure.
 */

/** The ledgers of the CAs that may issue a certificate. */
export interface LedgerViews {
  readonly primary: History;
  /** Used once the primary CA has failed for `afterMs` milliseconds. */
  readonly fallback: { readonly history: History; readonly afterMs: number } | undefined;
}

/** Whether the primary CA has failed for so long that the fallback may be used. */
export function isFallbackDue(
  { primary, afterMs }: { readonly primary: History; readonly afterMs: number },
  names: CertificateNames,
  now: Date,
): boolean {
  const since = primary.failingSince(names)?.getTime();
  return since !== undefined && now.getTime() - since >= afterMs;
}

/** Chooses the primary CA, unless it has failed for so long that the fallback takes over. */
export function chooseAuthority(
  { primary, fallback }: LedgerViews,
  names: CertificateNames,
  now: Date,
): 'primary' | 'fallback' {
  if (!fallback) return 'primary';
  if (!isFallbackDue({ primary, afterMs: fallback.afterMs }, names, now)) return 'primary';
  const at = now.getTime();
  const first = primary.notBefore(names)?.getTime() ?? 0;
  const second = fallback.history.notBefore(names)?.getTime() ?? 0;
  // While the fallback backs off, use the CA whose back-off ends first.
  return second > at && first < second ? 'primary' : 'fallback';
}

/** Whether the staging CA has to validate first, because the CA refused the last order. */
export function needsStagingDryRun(history: History, names: CertificateNames): boolean {
  return history.refusalsInARow(names) > 0;
}

/** The facts that decide whether another challenge conflicts with those of an order. */
export interface ChallengeSituation {
  readonly names: CertificateNames;
  /** The attempt of the certificate's open order, if there is one. */
  readonly ownAttempt: string | undefined;
  /** Milliseconds for which a resolver may cache a challenge. */
  readonly cachedMs: number;
  readonly now: Date;
}

/**
 * Defers an order while a resolver of the CA may still cache another certificate's challenge at the
 * same owner name instead of ours (a name and its wildcard share their owner name). Undefined if
 * there is no such challenge.
 */
export function conflictingChallenge(
  history: History,
  { names, ownAttempt, cachedMs, now }: ChallengeSituation,
): Deferral | undefined {
  for (const owner of new Set(names.map(challengeName))) {
    const last = history.recentlyValidated(owner, ownAttempt)?.getTime() ?? 0;
    const until = new Date(last + cachedMs);
    const deferral = { until, reason: `resolvers may have cached an earlier challenge at ${owner}` };
    if (now < until) return orRefusal(deferral, history, names);
  }
  return undefined;
}
