import type { Authority } from '../acme/issuance.ts';
import type { Advice } from '../acme/ledger/history.ts';
import type { Ledger } from '../acme/ledger/ledger.ts';
import {
  type CertificateBundle,
  type CertificateNames,
  isKeyOf,
  lifetimeMs,
  whyUnusable,
} from '../certificates/certificate.ts';
import {
  certificateId,
  nextPoll,
  type RenewalAdvice,
  readRenewalInfo,
  renewalJitter,
} from '../certificates/renewal/ari.ts';
import { whyDaysBeforeFails } from '../certificates/renewal/lifetime.ts';
import { decideRenewal, type RenewalDecision } from '../certificates/renewal/policy.ts';
import { type Authorities, type Deps, type ManagedCertificate, orderKey } from './deps.ts';
import type { LoadedCertificate } from './install.ts';

/**
 * Milliseconds. Advice is optional, so a CA that does not respond must not delay the run for long.
 */
const ADVICE_TIMEOUT_MS = 10_000;
/** Milliseconds for which a CA that did not respond is not queried for any certificate's advice. */
const SILENCE_MS = 60_000;

/** A certificate that is to be ordered now. */
export interface RenewalTask {
  readonly certificate: ManagedCertificate;
  /** The certificate to replace; undefined for a first one. */
  readonly stored: CertificateBundle | undefined;
  /** The rule of the renewal policy that made it due. */
  readonly reason: string;
  /** No certificate can be served, or its end is near: fewer checks stop the order. */
  readonly urgent: boolean;
}

type DecisionDeps = Pick<Deps, 'spec' | 'authorities' | 'clock' | 'emit' | 'warn' | 'shared'>;

/**
 * Decides whether to order now, given the stored certificate, if any, and the advice of its CA.
 * Throws STORE_FAILED.
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
 * Decides when to renew a certificate that was just issued, without advice from its CA. Throws
 * STORE_FAILED.
 */
export async function decideForNew(
  { spec, clock }: DecisionDeps,
  names: CertificateNames,
  { facts }: CertificateBundle,
  { ledger }: Authority,
): Promise<RenewalDecision> {
  const history = await ledger.history();
  return decideRenewal({
    ...{ certificate: facts, unusable: undefined, advice: undefined, jitter: 0 },
    ...{ issuedAt: history.issuances(names), daysBefore: spec.renewDaysBefore, now: clock.now() },
  });
}

/** The certificates that are due: missing ones first, then by the end of the stored one. Pure. */
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
  names: CertificateNames,
  stored: CertificateBundle | undefined,
): Promise<Authority> {
  if (!fallback || !stored) return primary;
  const { authority } = fallback;
  const last = (await authority.ledger.history()).lastIssued(names);
  if (last?.serial === stored.facts.serial) return authority;
  // The ledger has the issuance once the certificate is stored; until then its order is open, with
  // the key.
  const open = await authority.orders.peek(orderKey(names));
  return open?.keyPem && isKeyOf(open.keyPem, stored) ? authority : primary;
}

/**
 * The CA's advice on when to renew a certificate (RFC 9773): the last response while it is fresh,
 * else a new one. If the CA does not respond, the last response applies, and the next run queries
 * again. Rejects only on an abort.
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
  // Setting the clock back does not make the silence longer.
  const isSilent = silentMs > 0 && silentMs <= SILENCE_MS;
  if (known && (isSilent || now < known.pollAgainAt)) return toAdvice(known);
  if (isSilent) return undefined;
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ADVICE_TIMEOUT_MS)]);
    const answer = await client.renewalInfo(id, limit);
    const advice = answer && readRenewalInfo(answer.body);
    if (!answer || !advice) return undefined;
    await store(ledger, id, advice, nextPoll(answer.retryAfterMs, now));
    const { window, explanationUrl } = advice;
    emit({ type: 'renewal-advice', certificateId: id, ...window, explanationUrl });
    return advice;
  } catch (error) {
    signal.throwIfAborted();
    // Otherwise a thousand certificates would wait for it one after the other.
    shared.silentUntil.set(directoryUrl, now.getTime() + SILENCE_MS);
    emit({ type: 'renewal-advice-failed', error });
    return known && toAdvice(known);
  }
}

function toAdvice({ start, end, explanationUrl }: Advice): RenewalAdvice {
  return { window: { start, end }, ...(explanationUrl === undefined ? {} : { explanationUrl }) };
}

/**
 * Best effort: a volume that cannot be written is reported elsewhere, and the advice applies
 * anyway.
 */
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
