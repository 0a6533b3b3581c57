import type { Hold } from '../acme/ledger/limits.ts';
import type { CertificateFacts } from '../certificates/certificate.ts';
import { covers } from '../certificates/certificate.ts';
import { endingOf } from '../certificates/renewal/ending.ts';
import type { RenewalDecision } from '../certificates/renewal/policy.ts';
import { isIngressError, messageOf } from '../errors.ts';
import type { Emit } from '../events.ts';
import type { ManagedCertificate } from './deps.ts';

/** Says when a certificate is renewed and why then, once until that changes. */
export function tellOfRenewal(
  emit: Emit,
  { names, state }: ManagedCertificate,
  decision: RenewalDecision,
): void {
  const { action, reason } = decision;
  // That there is none yet is no news.
  if (state.renewal === reason || state.latest === undefined) return;
  state.renewal = reason;
  if (action === 'keep')
    emit({ type: 'renewal-scheduled', certificate: names, until: decision.until, reason });
  else emit({ type: 'renewal-due', certificate: names, reason });
}

/**
 * Remembers what was found on the volume. The first look of this process finds what has expired meanwhile: it is not served,
 * which nothing else would say before the round is over.
 */
export function rememberFound(
  emit: Emit,
  { names, state }: ManagedCertificate,
  facts: CertificateFacts,
  now: Date,
): void {
  const isFirst = state.latest === undefined;
  state.latest = facts;
  const ending = isFirst ? endingOf(facts, now) : undefined;
  if (ending?.stage !== 'expired') return;
  const { serial, notAfter } = facts;
  emit({ type: 'certificate-expired', certificate: names, serial, notAfter, words: ending.words });
}

/** Why a round has left a certificate as it was. */
export interface Cause {
  readonly failure: unknown;
  /** Why no order is made now although one is due. */
  readonly held: Hold | undefined;
}

/**
 * Says, at the end of each round, that a certificate is past its emergency line and still the old one: a warning, in the last
 * day and from then on an error.
 */
export function tellOfEnd(
  emit: Emit,
  { names, state }: ManagedCertificate,
  { failure, held }: Cause,
  nextAttempt: Date | undefined,
  now: Date,
): void {
  const { latest } = state;
  // One that is for none of the names is not what is served.
  if (latest === undefined || !names.some((name) => covers(latest.names, name))) return;
  const ending = endingOf(latest, now);
  if (ending === undefined) return;
  const { serial, notAfter } = latest;
  const cause = failure === undefined ? held?.reason : describe(failure);
  const { stage, words } = ending;
  const known = { certificate: names, serial, notAfter, words, renewal: { cause, nextAttempt } };
  if (stage === 'expired') emit({ type: 'certificate-expired', ...known });
  else emit({ type: 'certificate-ends-soon', ...known, isLastDay: stage === 'last-day' });
}

function describe(failure: unknown): string {
  return isIngressError(failure) ? `${failure.message} (${failure.code})` : messageOf(failure);
}
