import { sweepChallenges } from '../acme/challenges.ts';
import { baseName, challengeName } from '../dns/names.ts';
import { isIngressError } from '../errors.ts';
import { isRefusal } from './backoff.ts';
import { findCertificate, isServable, reconcileCertificate, serve } from './certificate.ts';
import { aliasOfChallenge } from './draft.ts';
import type { Memory, Parts, ZoneKnowledge } from './parts.ts';
import { reconcileRecords } from './records.ts';

/**
 * One pass over everything, the same on the first start and on every later one: serve what is stored, remove what a
 * crash left, records, certificate. A step that fails does not keep the others from being made, so that nothing but the
 * CA and the zone itself stands between a certificate and its renewal. Throws the failure that decides when to try
 * again; the others are logged.
 */
export async function pass(parts: Parts, memory: Memory, signal: AbortSignal): Promise<void> {
  const steps = createSteps(parts, signal);
  await warnOfVolume(parts);
  const found = await steps.attempt('certificate on the volume', () => findCertificate(parts, memory));
  const stored = found.value;
  const servable = stored !== undefined && isServable(parts, stored);
  if (servable) await steps.attempt('serving', () => serve(parts, memory, stored));
  await steps.attempt('challenges of earlier runs', () => sweep(parts, signal));
  const records = await steps.attempt('records', () => reconcileRecords(parts, memory, signal));
  if (!found.failed && (!records.failed || stored !== undefined || isIdentityFailure(records.failure))) {
    const findZone = async () => records.value ?? (await zoneOnly(parts, signal));
    await steps.attempt('certificate', () => reconcileCertificate(parts, memory, stored, findZone, signal));
  }
  if (memory.unsaved) steps.failures.push(memory.unsaved.failure);
  if (steps.failures.length > 0) throw steps.failures.find(isRefusal) ?? steps.failures[0];
}

interface Step<T> {
  readonly value: T | undefined;
  readonly failed: boolean;
  readonly failure: unknown;
}

function createSteps({ log }: Parts, signal: AbortSignal) {
  const failures: unknown[] = [];
  return {
    failures,
    async attempt<T>(step: string, work: () => Promise<T>): Promise<Step<T>> {
      try {
        return { value: await work(), failed: false, failure: undefined };
      } catch (failure) {
        signal.throwIfAborted();
        log.warn({ event: 'step-failed', step, err: failure }, `${step}: failed, going on with the rest`);
        failures.push(failure);
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
  const names = (await sweepChallenges(parts, signal)).map(({ name }) => name);
  if (names.length > 0)
    parts.log.info({ event: 'challenge-swept', names }, 'removed the challenges of an earlier run');
}

/** What the certificate needs to know of the zone when the records could not be brought in order. */
async function zoneOnly({ provider, goal }: Parts, signal: AbortSignal): Promise<ZoneKnowledge> {
  const zone = await provider.zone(baseName(goal.domain), signal);
  const live = await provider.records(zone, [challengeName(goal.domain)], signal);
  return { zone, challengeAlias: aliasOfChallenge(goal.domain, live) };
}

/** Who the app is decides its records, not its certificate. */
function isIdentityFailure(thrown: unknown): boolean {
  return isIngressError(thrown, 'IDENTITY_UNKNOWN') || isIngressError(thrown, 'GUEST_AGENT_FAILED');
}
