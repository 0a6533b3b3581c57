import type { Authority } from '../acme/issuance.ts';
import type { Advice } from '../acme/ledger/history.ts';
import type { Ledger } from '../acme/ledger/ledger.ts';
import {
  type CertificateBundle,
  isKeyOf,
  lifetimeMs,
  type Names,
  whyUnusable,
} from '../certificates/certificate.ts';
import {
  certificateId,
  nextLook,
  type RenewalAdvice,
  readRenewalInfo,
  renewalJitter,
} from '../certificates/renewal/ari.ts';
import { whyDaysBeforeFails } from '../certificates/renewal/lifetime.ts';
import { decideRenewal, type RenewalDecision } from '../certificates/renewal/policy.ts';
import type { Authorities, Deps } from './deps.ts';
import { keyOf } from './preflight.ts';

/** Milliseconds; advice is no reason to wait long for a CA that does not answer. */
const ADVICE_TIMEOUT_MS = 10_000;
/** Milliseconds for which a CA that did not answer is not asked for any certificate. */
const SILENCE_MS = 60_000;

export type DecisionParts = Pick<Deps, 'spec' | 'authorities' | 'clock' | 'emit' | 'warn' | 'shared'>;

/** What is to be done about the certificate that is stored, if any: with the advice of its CA. Throws STORE_FAILED. */
export async function decide(
  parts: DecisionParts,
  names: Names,
  stored: CertificateBundle | undefined,
  signal: AbortSignal,
): Promise<RenewalDecision> {
  const { spec, clock, authorities } = parts;
  const now = clock.now();
  const unusable = stored && whyUnusable(stored.facts, { names, noStaging: spec.noStaging }, now);
  const origin = await originOf(authorities, names, stored);
  const advice =
    stored && unusable === undefined ? await adviceFor(parts, origin, stored, signal) : undefined;
  if (stored) tellOfDaysBefore(parts, stored);
  const history = await origin.ledger.history();
  return decideRenewal({
    certificate: stored?.facts,
    unusable,
    advice,
    issuedAt: history.issuances(names),
    daysBefore: spec.renewDaysBefore,
    now,
    jitter: stored ? renewalJitter(stored.facts) : 0,
  });
}

/** What is to be done about a certificate that was just issued, for all that is known before its CA has advised. Throws STORE_FAILED. */
export async function foresee(
  { spec, clock }: DecisionParts,
  names: Names,
  { facts }: CertificateBundle,
  { ledger }: Authority,
): Promise<RenewalDecision> {
  const history = await ledger.history();
  return decideRenewal({
    ...{ certificate: facts, unusable: undefined, advice: undefined, jitter: 0 },
    ...{ issuedAt: history.issuances(names), daysBefore: spec.renewDaysBefore, now: clock.now() },
  });
}

function tellOfDaysBefore({ spec, warn }: DecisionParts, { facts }: CertificateBundle): void {
  const { renewDaysBefore } = spec;
  const why =
    renewDaysBefore === undefined ? undefined : whyDaysBeforeFails(renewDaysBefore, lifetimeMs(facts));
  if (why !== undefined) warn(why);
}

/** The authority that a stored certificate came from, as far as is known. Throws STORE_FAILED. */
export async function originOf(
  { primary, fallback }: Authorities,
  names: Names,
  stored: CertificateBundle | undefined,
): Promise<Authority> {
  if (!fallback || !stored) return primary;
  const { issuer } = fallback;
  const last = (await issuer.ledger.history()).lastIssued(names);
  if (last?.serial === stored.facts.serial) return issuer;
  // The ledger says so once it is stored; until then its order is open, with the key.
  const open = await issuer.orders.peek(keyOf(names));
  return open?.keyPem && isKeyOf(open.keyPem, stored) ? issuer : primary;
}

/**
 * When the CA wants a certificate renewed (RFC 9773): as it said last while that is good, else as it says now. A CA that does not
 * answer is asked again in the next round; what it said last counts until then. Throws for an abort only.
 */
async function adviceFor(
  { clock, emit, shared }: DecisionParts,
  { ledger, client, directoryUrl }: Authority,
  { chainPem }: CertificateBundle,
  signal: AbortSignal,
): Promise<RenewalAdvice | undefined> {
  const id = certificateId(chainPem);
  if (id === undefined) return undefined;
  const known = (await ledger.history()).advice(id);
  const now = clock.now();
  const silentMs = (shared.silentUntil.get(directoryUrl) ?? 0) - now.getTime();
  // A clock that was set back makes it no longer.
  const isSilent = silentMs > 0 && silentMs <= SILENCE_MS;
  if (known && (isSilent || now < known.askAgainAt)) return toAdvice(known);
  if (isSilent) return undefined;
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ADVICE_TIMEOUT_MS)]);
    const answer = await client.renewalInfo(id, limit);
    const advice = answer && readRenewalInfo(answer.body);
    if (!answer || !advice) return undefined;
    await remember(ledger, id, advice, nextLook(answer.retryAfterMs, now));
    const { window, explanationUrl } = advice;
    emit({ type: 'renewal-advice', certificateId: id, ...window, explanationUrl });
    return advice;
  } catch (error) {
    signal.throwIfAborted();
    // A thousand certificates do not wait for it one after the other.
    shared.silentUntil.set(directoryUrl, now.getTime() + SILENCE_MS);
    emit({ type: 'renewal-advice-failed', error });
    return known && toAdvice(known);
  }
}

function toAdvice({ start, end, explanationUrl }: Advice): RenewalAdvice {
  return { window: { start, end }, ...(explanationUrl === undefined ? {} : { explanationUrl }) };
}

/** A volume that takes nothing is said elsewhere; the advice counts all the same. */
async function remember(
  ledger: Ledger,
  certificate: string,
  advice: RenewalAdvice,
  askAgainAt: Date,
): Promise<void> {
  const { window, explanationUrl } = advice;
  const entry = {
    ...{ event: 'advice' as const, certificate, askAgainAt: askAgainAt.toISOString() },
    ...{ start: window.start.toISOString(), end: window.end.toISOString() },
    ...(explanationUrl === undefined ? {} : { explanationUrl }),
  };
  await ledger.write(entry).catch(() => undefined);
}
