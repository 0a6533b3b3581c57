import type { History } from '../acme/ledger/history.ts';
import { type Deferral, orRefusal } from '../acme/ledger/limits.ts';
import type { Names } from '../certificates/certificate.ts';
import { challengeName } from '../dns/name.ts';

/**
 * Which CA to ask, and whether now, by what their ledgers say. Pure.
 */

/** The ledgers of the CAs that may be asked for a certificate. */
export interface LedgerViews {
  readonly primary: History;
  /** Asked when the primary one has failed for `afterMs` milliseconds. */
  readonly fallback: { readonly history: History; readonly afterMs: number } | undefined;
}

/** The primary CA, unless it has failed for so long that the fallback is asked. */
export function chooseAuthority(
  { primary, fallback }: LedgerViews,
  names: Names,
  now: Date,
): 'primary' | 'fallback' {
  if (!fallback) return 'primary';
  const since = primary.failingSince(names)?.getTime();
  const at = now.getTime();
  if (since === undefined || at - since < fallback.afterMs) return 'primary';
  const first = primary.notBefore(names)?.getTime() ?? 0;
  const second = fallback.history.notBefore(names)?.getTime() ?? 0;
  // While both have to wait, the one that may be asked first.
  return second > at && first < second ? 'primary' : 'fallback';
}

/** Whether the staging CA has to validate first: the CA refused the last order. */
export function needsStagingDryRun(history: History, names: Names): boolean {
  return history.refusalsInARow(names) > 0;
}

/** What may conflict with the challenges of an order. */
export interface ChallengeSituation {
  readonly names: Names;
  /** The attempt of the order that is open, if one is. */
  readonly ownAttempt: string | undefined;
  /** Milliseconds for which a resolver may cache a challenge. */
  readonly cachedMs: number;
  readonly now: Date;
}

/**
 * Why an order has to wait for another certificate's challenge at the same owner name (a name and
 * its wildcard share it), while a resolver of the CA may still cache it in the place of ours.
 */
export function conflictingChallenge(
  history: History,
  { names, ownAttempt, cachedMs, now }: ChallengeSituation,
): Deferral | undefined {
  for (const owner of new Set(names.map(challengeName))) {
    const last = history.recentlyValidated(owner, ownAttempt)?.getTime() ?? 0;
    const until = new Date(last + cachedMs);
    const deferral = { until, reason: `resolvers may cache an earlier challenge at ${owner}` };
    if (now < until) return orRefusal(deferral, history, names);
  }
  return undefined;
}
