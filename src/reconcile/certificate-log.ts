import type { Deferral } from '../acme/ledger/limits.ts';
import { type CertificateFacts, covers } from '../certificates/certificate.ts';
import { endingOf } from '../certificates/renewal/ending.ts';
import type { RenewalDecision } from '../certificates/renewal/policy.ts';
import { isIngressError, messageOf } from '../errors.ts';
import type { Deps, ManagedCertificate } from './deps.ts';
import type { LoadedCertificate } from './install.ts';
import type { RenewalTask } from './renewal.ts';
import type { Report } from './report.ts';
import type { Run } from './run.ts';

/** Logs the progress of a run that orders several certificates. */
export function logProgress(
  { emit }: Deps,
  { report, due }: Pick<Run, 'report' | 'due'>,
  batch: readonly RenewalTask[],
): void {
  if (due.length < 2 || batch.length === 0) return;
  emit({ type: 'progress', done: report.countAttempts(batch.length), due: due.length });
}

/**
 * Logs a decision. For a certificate that ends soon and is not ordered because others were issued
 * recently, also reports the deferral.
 */
export function logDecision(
  deps: Deps,
  report: Report,
  { certificate, stored }: LoadedCertificate,
  decision: RenewalDecision,
): void {
  logRenewal(deps, certificate, decision);
  if (decision.action === 'keep' && stored && endingOf(stored.facts, deps.clock.now()))
    report.defer(certificate, { until: decision.until, reason: decision.reason });
}

/** Logs when and why a certificate will be renewed, once until that changes. */
export function logRenewal(
  { emit }: Pick<Deps, 'emit'>,
  { names: certificate, state }: ManagedCertificate,
  decision: RenewalDecision,
): void {
  const { action, reason } = decision;
  // The first certificate is not a renewal.
  if (state.renewal === reason || state.latest === undefined) return;
  state.renewal = reason;
  if (action === 'keep') emit({ type: 'renewal-scheduled', certificate, until: decision.until, reason });
  else emit({ type: 'renewal-due', certificate, reason });
}

/** Why a run did not renew a certificate. */
export interface Cause {
  readonly failure: unknown;
  /** Why a certificate that is due was not ordered. */
  readonly deferral: Deferral | undefined;
}

/**
 * Logs at the end of a run that the renewal of a certificate is urgent and was not done: a warning,
 * and an error from its last day on.
 */
export function logEnding(
  { emit }: Pick<Deps, 'emit'>,
  { names, state }: ManagedCertificate,
  { failure, deferral }: Cause,
  nextAttempt: Date | undefined,
  now: Date,
): void {
  const { latest } = state;
  // A certificate for none of the names is not served.
  if (latest === undefined || !isForAnyOf(latest, names)) return;
  const ending = endingOf(latest, now);
  if (ending === undefined) return;
  const { serial, notAfter } = latest;
  const cause = failure === undefined ? deferral?.reason : describe(failure);
  const { stage, words } = ending;
  const known = { certificate: names, serial, notAfter, words, renewal: { cause, nextAttempt } };
  if (stage === 'expired') emit({ type: 'certificate-expired', ...known });
  else emit({ type: 'certificate-ends-soon', ...known, isLastDay: stage === 'last-day' });
}

function isForAnyOf({ names }: CertificateFacts, wanted: readonly string[]): boolean {
  return wanted.some((name) => covers(names, name));
}

function describe(failure: unknown): string {
  return isIngressError(failure) ? `${failure.message} (${failure.code})` : messageOf(failure);
}
