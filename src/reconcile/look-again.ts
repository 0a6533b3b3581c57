import { sameData } from '../dns/record.ts';
import type { ChallengeValue } from '../records/challenges.ts';
import type { Deps } from './deps.ts';
import type { ZoneWork } from './publish.ts';
import { writeZone } from './records.ts';
import type { Waiting } from './seen.ts';
import { lookAtZone, type ZoneLook } from './zone-look.ts';

/** Name servers that are quick have everything by then. */
export const SECOND_LOOK_MS = 5000;

/**
 * Reads the zone once more because what was written is not seen, and writes what is missing by now: another container
 * that was started in the same second may have replaced our records, or stand beside them (then one of the two yields, see
 * claim.ts), and who can write whole zones only may have taken our challenge away. Looks of the last seconds are shared by all
 * names of the zone. Undefined when it fails, which is no reason not to go on waiting.
 */
export async function lookAgain(
  parts: Deps,
  { certificate }: Pick<Waiting, 'certificate'>,
  work: ZoneWork,
  signal: AbortSignal,
): Promise<ZoneLook | undefined> {
  const { look } = work;
  if (!look) return undefined;
  const now = parts.clock.now();
  const age = work.again ? now.getTime() - work.again.at.getTime() : Number.POSITIVE_INFINITY;
  if (!work.again || age < 0 || age >= SECOND_LOOK_MS)
    work.again = { at: now, look: restore(parts, work, look, signal) };
  try {
    return await work.again.look;
  } catch (failure) {
    signal.throwIfAborted();
    const step = { step: 'second look', error: failure, stillWaiting: true };
    parts.emit({ type: 'step-failed', certificate, ...step });
    return undefined;
  }
}

/** What could not be written in this round is left out, so that it holds up nothing else. */
async function restore(
  parts: Deps,
  { zone, failed, challenges }: ZoneWork,
  { drafts }: ZoneLook,
  signal: AbortSignal,
): Promise<ZoneLook> {
  const written = drafts.filter(({ domain }) => !failed.has(domain));
  const again = await lookAtZone(parts, zone, written, signal);
  const lost = challenges.filter((value) => isRead(again, value) && !stands(again, value));
  for (const { name } of lost) parts.emit({ type: 'challenge-vanished', name });
  await writeZone(parts, again, lost, signal);
  return again;
}

function isRead({ draft }: ZoneLook, { name }: ChallengeValue): boolean {
  return draft.names.includes(name);
}

function stands({ planned }: ZoneLook, { name, value }: ChallengeValue): boolean {
  return planned.live.some((record) => sameData(record, { name, type: 'TXT', value, ttl: record.ttl }));
}
