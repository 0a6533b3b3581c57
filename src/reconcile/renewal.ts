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
import { type Authorities, type Deps, type ManagedCertificate, orderKey } from './deps.ts';
import type { LoadedCertificate } from './install.ts';

/** Milliseconds. Advice is no reason to wait long for a CA that does not answer. */
const ADVICE_TIMEOUT_MS = 10_000;
/** Milliseconds for which a CA that did not answer is not asked for advice on any certificate. */
const SILENCE_MS = 60_000;

/** A certificate that is to be ordered now. */
export interface RenewalTask {
  readonly certificate: ManagedCertificate;
  /** The certificate that is renewed; undefined for a first one. */
  readonly stored: CertificateBundle | undefined;
  /** The rule of the renewal policy that made it due. */
  readonly reason: string;
  /** No certificate can be served, or its end is near: fewer checks stop the order. */
  readonly urgent: boolean;
}

type DecisionDeps = Pick<Deps, 'spec' | 'authorities' | 'clock' | 'emit' | 'warn' | 'shared'>;

/**
 * Decides about a stored certificate, if there is one, by the advice of its CA. Throws
 * STORE_FAILED.
 */
export async function decide(
  deps: DecisionDeps,
  { certificate: { names }, stored }: LoadedCertificate,
  signal: AbortSignal,
): Promise<RenewalDecision> {
  const { spec, clock, authorities } = deps;
  const now = clock.now();
  const unusable = stored && whyUnusable(stored.facts, { names, noStaging: spec.noStaging }, now);
  const origin = await originOf(authorities, names, stored);
  const advice =
    stored && unusable === undefined ? await renewalAdvice(deps, origin, stored, signal) : undefined;
  if (stored) warnOfDaysBefore(deps, stored);
  const history = await origin.ledger.history();
  return decideRenewal({
    certificate: stored?.facts,
    unusable: unusable?.words,
    advice,
    issuedAt: history.issuances(names),
    daysBefore: spec.renewDaysBefore,
    now,
    jitter: stored ? renewalJitter(stored.facts) : 0,
  });
}

/**
 * Decides about a certificate that was just issued, before its CA has advised on it. Throws
 * STORE_FAILED.
 */
export async function decideForNew(
  { spec, clock }: DecisionDeps,
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

/** The certificates that are due, those whose stored certificate ends first in front. Pure. */
export function dueForRenewal(decisions: ReadonlyMap<LoadedCertificate, RenewalDecision>): RenewalTask[] {
  const due = [...decisions].flatMap(([{ certificate, stored }, decision]): RenewalTask[] => {
    if (decision.action !== 'order') return [];
    return [{ certificate, stored, reason: decision.reason, urgent: decision.urgent }];
  });
  const endOf = ({ stored }: RenewalTask) => stored?.facts.notAfter.getTime() ?? 0;
  return due.sort((a, b) => endOf(a) - endOf(b));
}

function warnOfDaysBefore({ spec, warn }: DecisionDeps, { facts }: CertificateBundle): void {
  const { renewDaysBefore } = spec;
  const why =
    renewDaysBefore === undefined ? undefined : whyDaysBeforeFails(renewDaysBefore, lifetimeMs(facts));
  if (why) warn(why.words);
}

/** The CA that issued a stored certificate, as far as is known. Throws STORE_FAILED. */
export async function originOf(
  { primary, fallback }: Authorities,
  names: Names,
  stored: CertificateBundle | undefined,
): Promise<Authority> {
  if (!fallback || !stored) return primary;
  const { authority } = fallback;
  const last = (await authority.ledger.history()).lastIssued(names);
  if (last?.serial === stored.facts.serial) return authority;
  // The ledger says so once it is stored; until then its order is open, with the key.
  const open = await authority.orders.peek(orderKey(names));
  return open?.keyPem && isKeyOf(open.keyPem, stored) ? authority : primary;
}

/**
 * When the CA wants a certificate renewed (RFC 9773): its last answer while that is fresh, else a
 * new one. A CA that does not answer is asked again in the next run, and its last answer counts
 * until then. Rejects for an abort only.
 */
async function renewalAdvice(
  { clock, emit, shared }: DecisionDeps,
  { ledger, client, directoryUrl }: Authority,
  { chainPem }: CertificateBundle,
  signal: AbortSignal,
): Promise<RenewalAdvice | undefined> {
  const id = certificateId(chainPem);
  if (id === undefined) return undefined;
  const known = (await ledger.history()).advice(id);
  const now = clock.now();
  const silentMs = (shared.silentUntil.get(directoryUrl) ?? 0) - now.getTime();
  // A clock that was set back does not make the silence longer.
  const isSilent = silentMs > 0 && silentMs <= SILENCE_MS;
  if (known && (isSilent || now < known.askAgainAt)) return toAdvice(known);
  if (isSilent) return undefined;
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ADVICE_TIMEOUT_MS)]);
    const answer = await client.renewalInfo(id, limit);
    const advice = answer && readRenewalInfo(answer.body);
    if (!answer || !advice) return undefined;
    await store(ledger, id, advice, nextLook(answer.retryAfterMs, now));
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

/** A volume that cannot be written is reported elsewhere; the advice counts all the same. */
async function store(
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
