import type { Hold } from '../acme/ledger/limits.ts';
import type { CertificateFacts } from '../certificates/certificate.ts';
import { covers } from '../certificates/certificate.ts';
import { endingOf } from '../certificates/renewal/ending.ts';
import type { RenewalDecision } from '../certificates/renewal/policy.ts';
import { isIngressError, messageOf } from '../errors.ts';
import type { ManagedCertificate } from './deps.ts';

/** Says when a certificate is renewed and why then, once until that changes. */
export function tellOfRenewal({ state, log }: ManagedCertificate, decision: RenewalDecision): void {
  const { action, reason } = decision;
  // That there is none yet is no news.
  if (state.renewal === reason || state.latest === undefined) return;
  state.renewal = reason;
  if (action === 'keep') log.info({ event: 'certificate-kept', until: decision.until }, reason);
  else log.info({ event: 'renewal-due' }, reason);
}

/**
 * Remembers what was found on the volume. The first look of this process finds what has expired meanwhile: it is not served,
 * which nothing else would say before the round is over.
 */
export function rememberFound({ state, log }: ManagedCertificate, facts: CertificateFacts, now: Date): void {
  const isFirst = state.latest === undefined;
  state.latest = facts;
  const ending = isFirst ? endingOf(facts, now) : undefined;
  if (ending?.stage !== 'expired') return;
  const { serial, notAfter } = facts;
  const sentence = `the certificate ${ending.words}: it is not served, and a new one is due`;
  log.error({ event: 'certificate-expired', serial, notAfter }, sentence);
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
  { names, state, log }: ManagedCertificate,
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
  const sentence = [
    `the certificate ${ending.words}, and is not renewed`,
    ...(cause === undefined ? [] : [`: ${cause}`]),
    ...(nextAttempt === undefined ? [] : [`; the next attempt is at ${toSeconds(nextAttempt)}`]),
  ].join('');
  const event = ending.stage === 'expired' ? 'certificate-expired' : 'certificate-ends-soon';
  const fields = { event, serial, notAfter, cause, nextAttempt };
  if (ending.stage === 'soon') log.warn(fields, sentence);
  else log.error(fields, sentence);
}

function describe(failure: unknown): string {
  return isIngressError(failure) ? `${failure.message} (${failure.code})` : messageOf(failure);
}

/** For a person, who needs no milliseconds. */
export function toSeconds(moment: Date): string {
  return moment.toISOString().replace(/\.\d+Z$/, 'Z');
}
