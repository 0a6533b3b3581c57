import { sweepChallenges } from '../acme/challenges.ts';
import { baseName } from '../dns/names.ts';
import { isIngressError } from '../errors.ts';
import { reconcileCertificate, serveStored } from './certificate.ts';
import type { Memory, Parts, ZoneKnowledge } from './parts.ts';
import { reconcileRecords } from './records.ts';

/**
 * One pass over everything, the same on the first start and on every later one: serve what is stored, remove what a
 * crash left, records, certificate. Throws the first thing that went wrong; what could be done without it is done.
 */
export async function pass(parts: Parts, memory: Memory, signal: AbortSignal): Promise<void> {
  const stored = await serveStored(parts, memory);
  const swept = await sweepChallenges(parts, signal);
  if (swept.length > 0) {
    parts.log.info(
      { event: 'challenge-swept', names: swept.map(({ name }) => name) },
      'removed the challenges of an earlier run',
    );
  }
  const records = await attempt(() => reconcileRecords(parts, memory, signal));
  signal.throwIfAborted();
  // Who the app is decides its records, not its certificate: a renewal does not wait for the guest agent.
  const skips = 'thrown' in records && !isIdentityFailure(records.thrown);
  if (!skips) {
    const findZone = async () => ('value' in records ? records.value : await zoneOnly(parts, signal));
    await reconcileCertificate(parts, memory, stored, findZone, signal);
  }
  if ('thrown' in records) throw records.thrown;
  if (memory.unsaved) throw memory.unsaved.failure;
}

async function zoneOnly({ provider, goal }: Parts, signal: AbortSignal): Promise<ZoneKnowledge> {
  return { zone: await provider.zone(baseName(goal.domain), signal), challengeAlias: undefined };
}

function isIdentityFailure(thrown: unknown): boolean {
  return isIngressError(thrown, 'IDENTITY_UNKNOWN') || isIngressError(thrown, 'GUEST_AGENT_FAILED');
}

async function attempt<T>(work: () => Promise<T>): Promise<{ value: T } | { thrown: unknown }> {
  try {
    return { value: await work() };
  } catch (thrown) {
    return { thrown };
  }
}
