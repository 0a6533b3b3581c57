import type { Zone } from '../dns/provider.ts';
import type { DnsRecord } from '../dns/record.ts';
import { isIngressError } from '../errors.ts';
import type { ChallengeValue } from '../records/challenges.ts';
import type { Deps } from './deps.ts';
import { writeChallenge, writeRecords, writeZone } from './records.ts';
import type { ZoneLook } from './zone-look.ts';

/** A zone in which something is done in this round. */
export interface ZoneWork {
  readonly zone: Zone;
  /** How it stands and what is planned; undefined when that is not known. */
  readonly look: ZoneLook | undefined;
  /** Whether the records were written as planned, or that was tried. */
  recordsTried: boolean;
  /** Names whose records could not be planned or written, and why. */
  readonly failed: Map<string, unknown>;
  /** The challenge values that have to stand now. */
  challenges: readonly ChallengeValue[];
  /** The last look at the zone because something was not seen: see look-again.ts. */
  again?: { readonly at: Date; readonly look: Promise<ZoneLook> };
}

export interface Published {
  /** The records of the challenges that were written. */
  readonly challenge: readonly DnsRecord[];
  /** Why the others could not be. */
  readonly failure: unknown;
}

/**
 * Writes the challenge values into a zone, with the records of all names in the same write where they have not been
 * written yet. What fails of the records is noted in the zone's work; the challenges are then written alone, but only those
 * that `isNeeded` although the records of their name fail: a renewal is.
 */
export async function publish(
  parts: Deps,
  work: ZoneWork,
  values: readonly ChallengeValue[],
  isNeeded: (value: ChallengeValue) => boolean,
  signal: AbortSignal,
): Promise<Published> {
  const { look } = work;
  if (!look || work.recordsTried) return challengeAlone(parts, work, values, signal);
  try {
    const challenge = await writeZone(parts, look, values, signal);
    work.challenges = values;
    work.recordsTried = true;
    noteLost(work, look);
    return { challenge, failure: undefined };
  } catch (failure) {
    signal.throwIfAborted();
    // It may be the challenge alone that was refused, or could not be journaled; the records need neither.
    if (ALONE.some((code) => isIngressError(failure, code))) await publishRecords(parts, work, signal);
    else failAll(work, look, failure);
    const left = values.filter((value) => isNeeded(value) || !work.failed.has(value.domain));
    if (left.length === 0) return { challenge: [], failure };
    const alone = await challengeAlone(parts, work, left, signal);
    return { ...alone, failure: alone.failure ?? failure };
  }
}

const ALONE = ['STORE_FAILED', 'PROVIDER_PERMISSION_MISSING', 'PROVIDER_REJECTED'] as const;

async function challengeAlone(
  parts: Deps,
  work: ZoneWork,
  values: readonly ChallengeValue[],
  signal: AbortSignal,
): Promise<Published> {
  try {
    const challenge = await writeChallenge(parts, work, values, signal);
    work.challenges = values;
    return { challenge, failure: undefined };
  } catch (failure) {
    signal.throwIfAborted();
    return { challenge: [], failure };
  }
}

/** Writes the records of all names, unless that was tried; what fails is noted. */
export async function publishRecords(parts: Deps, work: ZoneWork, signal: AbortSignal): Promise<void> {
  const { look } = work;
  if (!look || work.recordsTried) return;
  work.recordsTried = true;
  const failed = await writeRecords(parts, look, signal);
  noteLost(work, look);
  for (const [domain, failure] of failed) work.failed.set(domain, failure);
}

function failAll(work: ZoneWork, look: ZoneLook, failure: unknown): void {
  work.recordsTried = true;
  noteLost(work, look);
  for (const { domain } of look.drafts) if (!work.failed.has(domain)) work.failed.set(domain, failure);
}

function noteLost(work: ZoneWork, { results }: ZoneLook): void {
  for (const [domain, failure] of results.lost) work.failed.set(domain, failure);
}
