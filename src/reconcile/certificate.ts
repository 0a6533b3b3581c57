import { type ChallengeValue, challengeTtl, removeChallenges } from '../acme/challenges.ts';
import { type IssuedCertificate, obtainCertificate } from '../acme/order.ts';
import { decideRenewal, type RenewalDecision, renewalDue } from '../acme/renewal.ts';
import { type CertificateBundle, readBundle, whyUnusable } from '../certificates/certificate.ts';
import { challengeName } from '../dns/names.ts';
import { IngressError, isIngressError } from '../errors.ts';
import type { ChallengePlace, Memory, Parts } from './parts.ts';
import { stopwatch } from './stopwatch.ts';

/** Milliseconds that removing challenge values may take, and what is left of them once everything is being stopped. */
const CLEANUP_MS = 15_000;
const CLEANUP_WHILE_STOPPING_MS = 4000;

/**
 * What is stored, or was issued and is not stored yet. Files that fit nobody count as no certificate, so that one is
 * ordered. Throws STORE_FAILED.
 */
export async function findCertificate(parts: Parts, memory: Memory): Promise<CertificateBundle | undefined> {
  if (memory.unsaved) await saveUnsaved(parts, memory);
  return memory.unsaved?.bundle ?? (await loadUsable(parts));
}

/**
 * Serves what is stored, if it can be served, before anything else is done for any name. Throws STORE_FAILED, PROXY_*
 * errors and HANDSHAKE_FAILED, all of which the name's pass meets again.
 */
export async function serveStored(parts: Parts, memory: Memory): Promise<void> {
  // What is not stored yet is newer, and served.
  if (memory.unsaved) return;
  const stored = await parts.store.peek(parts.goal.domain);
  if (stored && isServable(parts, stored)) await serve(parts, memory, stored);
}

/** Whether a certificate can be served now. */
export function isServable({ goal, clock }: Parts, bundle: CertificateBundle): boolean {
  return whyUnusable(bundle.facts, goal, clock.now()) === undefined;
}

/** What is to be done about the certificate that is stored, if any. */
export function decide(
  { goal, clock }: Pick<Parts, 'goal' | 'clock'>,
  stored: CertificateBundle | undefined,
): RenewalDecision {
  const now = clock.now();
  return decideRenewal(stored?.facts, stored && whyUnusable(stored.facts, goal, now), now);
}

async function loadUsable({ goal, store, log }: Parts): Promise<CertificateBundle | undefined> {
  try {
    return await store.load(goal.domain);
  } catch (thrown) {
    if (!isIngressError(thrown, 'CERTIFICATE_UNUSABLE')) throw thrown;
    log.warn({ event: 'certificate-unusable', err: thrown }, 'what is stored cannot be served');
    return undefined;
  }
}

/** Orders a certificate if the renewal policy says so, stores it, and serves it. */
export async function reconcileCertificate(
  parts: Parts,
  memory: Memory,
  stored: CertificateBundle | undefined,
  place: ChallengePlace,
  signal: AbortSignal,
): Promise<void> {
  const { goal, clock, log } = parts;
  const decision = decide(parts, stored);
  if (decision.action === 'keep') {
    log.debug({ event: 'certificate-kept', until: decision.until }, decision.reason);
    return;
  }
  const neighbour = stillRemembered(parts, memory);
  if (neighbour !== undefined) {
    memory.orderNotBefore = later(memory.orderNotBefore, neighbour.until);
    const sentence = `no order yet: resolvers may remember the challenge of ${neighbour.domain}, which was at the same name`;
    log.info({ event: 'order-held-back', until: neighbour.until }, sentence);
    return;
  }
  if (memory.orderNotBefore && clock.now() < memory.orderNotBefore) {
    const until = memory.orderNotBefore;
    log.info(
      { event: 'order-held-back', until },
      'no order yet: the certificate authority refused the last one',
    );
    return;
  }
  const { challengeAlias } = await place.find();
  if (challengeAlias !== undefined) {
    const sentence = `${challengeName(goal.domain)} is an alias of ${challengeAlias}`;
    throw new IngressError('CHALLENGE_NAME_IS_ALIAS', sentence);
  }
  log.info({ event: 'order', reason: decision.reason }, 'ordering a certificate');
  const { challenged } = memory.shared;
  const before = challenged.get(challengeName(goal.domain));
  try {
    const bundle = await order(parts, memory, place, signal);
    // Stored and served first, tidied up afterwards: the zone can wait, a certificate that is lost is ordered again.
    memory.unsaved = { bundle, failure: undefined };
    await saveUnsaved(parts, memory);
    await serve(parts, memory, bundle);
  } finally {
    await cleanUp(parts, signal);
    // Until the removal it could be looked up anew.
    if (challenged.get(challengeName(goal.domain)) !== before) remember(parts, memory);
  }
}

/** From now on resolvers may remember what stands at the name of our challenge, for as long as its records say. */
function remember({ goal, provider, clock }: Parts, { shared }: Memory): void {
  const until = new Date(clock.now().getTime() + challengeTtl(provider) * 1000);
  shared.challenged.set(challengeName(goal.domain), { domain: goal.domain, until });
}

function later(one: Date | undefined, other: Date): Date {
  return one !== undefined && one > other ? one : other;
}

/** Another name's challenge at the same owner name, while the CA may still see it in the place of ours. */
function stillRemembered({ goal, clock }: Parts, { shared }: Memory) {
  const last = shared.challenged.get(challengeName(goal.domain));
  return last && last.domain !== goal.domain && clock.now() < last.until ? last : undefined;
}

async function order(
  parts: Parts,
  memory: Memory,
  place: ChallengePlace,
  signal: AbortSignal,
): Promise<CertificateBundle> {
  const { goal, authority, clock, log } = parts;
  const ordering = stopwatch(clock);
  const present = async (values: readonly ChallengeValue[]) => {
    log.info({ event: 'order-created', seconds: ordering() }, 'order created');
    remember(parts, memory);
    await place.publish(values);
  };
  const { domain, keyType } = goal;
  const issued = await obtainCertificate({ authority, names: [domain], keyType, present, clock, signal });
  const bundle = accept(parts, issued);
  const { serial, notAfter } = bundle.facts;
  const fields = { event: 'certificate-issued', serial, notAfter, seconds: ordering() };
  log.info(fields, 'certificate issued');
  return bundle;
}

// Has a deadline of its own: the pass may have been aborted. What stays is in the journal, and swept by the next pass.
async function cleanUp({ provider, journal, log }: Parts, signal: AbortSignal): Promise<void> {
  try {
    const entries = (await journal.entries()).filter((entry) => entry.provider === provider.name);
    if (entries.length === 0) return;
    if (provider.capabilities.rewritesZone) {
      const names = entries.map(({ name }) => name);
      const why = 'the challenge stays until the next pass, since each write replaces the whole zone';
      log.info({ event: 'challenge-stays', names }, why);
      return;
    }
    await removeChallenges({ provider, journal }, entries, cleanUpDeadline(signal));
    log.info({ event: 'challenge-removed', names: entries.map(({ name }) => name) }, 'challenge removed');
  } catch (thrown) {
    log.warn(
      { event: 'challenge-left', err: thrown },
      'the challenge could not be removed; the next pass does it',
    );
  }
}

function cleanUpDeadline(stopping: AbortSignal): AbortSignal {
  if (stopping.aborted) return AbortSignal.timeout(CLEANUP_WHILE_STOPPING_MS);
  const late = new AbortController();
  const arm = () => {
    const reason = new Error('stopping');
    setTimeout(() => late.abort(reason), CLEANUP_WHILE_STOPPING_MS).unref();
  };
  stopping.addEventListener('abort', arm, { once: true });
  return AbortSignal.any([AbortSignal.timeout(CLEANUP_MS), late.signal]);
}

/** Checks what the CA sent before anything is replaced by it. Throws CERTIFICATE_UNUSABLE. */
function accept({ goal, clock }: Parts, { chainPem, keyPem }: IssuedCertificate): CertificateBundle {
  const bundle = readBundle(chainPem, keyPem);
  const now = clock.now();
  const wrong = whyUnusable(bundle.facts, goal, now);
  const early = now >= renewalDue(bundle.facts) ? 'it would have to be renewed at once' : undefined;
  const why = wrong ?? early;
  if (why === undefined) return bundle;
  throw new IngressError('CERTIFICATE_UNUSABLE', `the new certificate cannot be used: ${why}`, {
    hint: 'Check the clock of this machine.',
  });
}

/** Stores what was issued. A volume that does not take it is remembered, and the certificate served all the same. */
async function saveUnsaved({ goal, store }: Parts, memory: Memory): Promise<void> {
  if (!memory.unsaved) return;
  const { bundle } = memory.unsaved;
  try {
    await store.save(goal.domain, bundle);
    memory.unsaved = undefined;
  } catch (failure) {
    memory.unsaved = { bundle, failure };
  }
}

/** Hands a certificate to the proxy, unless it has it already. Throws PROXY_* errors and HANDSHAKE_FAILED. */
export async function serve(
  { serve: install, clock, log }: Parts,
  memory: Memory,
  bundle: CertificateBundle,
): Promise<void> {
  const { serial, fingerprint256, notAfter } = bundle.facts;
  if (memory.served === fingerprint256) return;
  const elapsed = stopwatch(clock);
  await install(bundle);
  memory.served = fingerprint256;
  log.info({ event: 'serving', serial, notAfter, seconds: elapsed() }, 'serving, proven by a handshake');
}
