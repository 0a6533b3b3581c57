import { sweepChallenges } from '../acme/challenges.ts';
import type { CertificateBundle } from '../certificates/certificate.ts';
import { isIngressError } from '../errors.ts';
import { isRefusal } from './backoff.ts';
import { findCertificate, isServable, reconcileCertificate, serve } from './certificate.ts';
import { barePlace, sharedPlace } from './challenge-place.ts';
import type { ChallengePlace, Memory, Parts } from './parts.ts';
import { lookAtZone, reconcileRecords, type ZoneLook } from './records.ts';

/**
 * One pass over one name, the same on the first start and on every later one: serve what is stored, remove what a
 * crash left, look at the zone, certificate and records. The records are written together with the challenge when a
 * certificate is due, so that the zone is written, and waited for, once. A step that fails does not keep the others from
 * being made, so that nothing but the CA and the zone itself stands between a certificate and its renewal. Throws the
 * failure that decides when to try again; the others are logged.
 */
export async function pass(parts: Parts, memory: Memory, signal: AbortSignal): Promise<void> {
  const steps = createSteps(parts, signal);
  await warnOfVolume(parts);
  const found = await steps.attempt('certificate on the volume', () => findCertificate(parts, memory));
  const stored = found.value;
  const servable = stored !== undefined && isServable(parts, stored);
  if (servable) await steps.attempt('serving', () => serve(parts, memory, stored));
  await steps.attempt('challenges of earlier runs', () => sweep(parts, signal));
  const look = await steps.attempt('records', () => lookAtZone(parts, memory, signal));
  const certify = async (place: ChallengePlace) => {
    if (found.failed) return;
    await steps.attempt('certificate', () => reconcileCertificate(parts, memory, stored, place, signal));
  };
  if (look.value) await recordsAndCertificate({ parts, memory, steps, signal }, look.value, stored, certify);
  else if (stored !== undefined || isIdentityFailure(look.failure)) {
    await certify(barePlace(parts, undefined, signal));
  }
  if (memory.unsaved) steps.failures.push(memory.unsaved.failure);
  if (steps.failures.length > 0) throw steps.failures.find(isRefusal) ?? steps.failures[0];
}

interface Run {
  readonly parts: Parts;
  readonly memory: Memory;
  readonly steps: Steps;
  readonly signal: AbortSignal;
}

/** Both in one write; one after the other where an earlier write of both has failed, so that no order is made in vain. */
async function recordsAndCertificate(
  { parts, memory, steps, signal }: Run,
  look: ZoneLook,
  stored: CertificateBundle | undefined,
  certify: (place: ChallengePlace) => Promise<void>,
): Promise<void> {
  const records = () => steps.attempt('records', () => reconcileRecords(parts, memory, look, signal));
  if (memory.recordsFirst) {
    const { failed } = await records();
    if (!failed || stored !== undefined) await certify(barePlace(parts, look, signal));
    return;
  }
  const failed = (failure: unknown) => steps.note('records', failure);
  const shared = sharedPlace(parts, memory, look, { firstStart: stored === undefined, failed }, signal);
  await certify(shared);
  if (!shared.tried) await records();
}

type Steps = ReturnType<typeof createSteps>;

interface Step<T> {
  readonly value: T | undefined;
  readonly failed: boolean;
  readonly failure: unknown;
}

function createSteps({ log }: Parts, signal: AbortSignal) {
  const failures: unknown[] = [];
  const note = (step: string, failure: unknown) => {
    log.warn({ event: 'step-failed', step, err: failure }, `${step}: failed, going on with the rest`);
    failures.push(failure);
  };
  return {
    failures,
    note,
    async attempt<T>(step: string, work: () => Promise<T>): Promise<Step<T>> {
      try {
        return { value: await work(), failed: false, failure: undefined };
      } catch (failure) {
        signal.throwIfAborted();
        note(step, failure);
        return { value: undefined, failed: true, failure };
      }
    },
  };
}

/** What is missing is said while there is time, not when a renewal has nowhere to go. */
async function warnOfVolume({ goal, store, journal, log }: Parts): Promise<void> {
  const failure = (await store.whyUnwritable(goal.domain)) ?? (await journal.whyUnwritable());
  if (failure === undefined) return;
  log.warn({ event: 'volume-not-writable', err: failure }, 'a renewal could not be stored');
}

async function sweep(parts: Parts, signal: AbortSignal): Promise<void> {
  const { removed, abandoned } = await sweepChallenges(parts, signal);
  const names = removed.map(({ name }) => name);
  if (names.length > 0)
    parts.log.info({ event: 'challenge-swept', names }, 'removed the challenges of an earlier run');
  for (const { name, zoneName, zoneId } of abandoned) {
    const sentence = `the challenge of an earlier run at ${name} is given up: the account has no zone ${zoneName ?? zoneId} any more`;
    parts.log.warn({ event: 'warning' }, sentence);
  }
}

/** Who the app is decides its records, not its certificate. */
function isIdentityFailure(thrown: unknown): boolean {
  return isIngressError(thrown, 'IDENTITY_UNKNOWN') || isIngressError(thrown, 'GUEST_AGENT_FAILED');
}
