import {
  type ChallengeValue,
  type NotedChallenge,
  notedChallenges,
  removeChallenges,
  sweepChallenges,
} from '../records/challenges.ts';
import { type Course, note } from './course.ts';
import type { Deps } from './deps.ts';

/** Milliseconds that removing challenge values may take, and what is left of them once everything is being stopped. */
const CLEANUP_MS = 15_000;
const CLEANUP_WHILE_STOPPING_MS = 4000;

function namesOf(courses: readonly Course[]): string[] {
  return courses.flatMap(({ kept }) => kept.names);
}

/** Removes what earlier runs left in the zones, but for what an open order still wants. A failure is noted where something stays. */
export async function sweep(
  parts: Deps,
  courses: readonly Course[],
  wanted: readonly ChallengeValue[],
  signal: AbortSignal,
): Promise<void> {
  const { emit } = parts;
  try {
    const { removed, abandoned, unread } = await sweepChallenges(parts, namesOf(courses), wanted, signal);
    for (const course of courses) noteUnread(course, unread, 'removing an earlier challenge');
    const names = namesWritten(removed);
    if (names.length > 0) emit({ type: 'challenge-pruned', names });
    for (const { name, zoneName, zoneId } of abandoned)
      emit({ type: 'challenge-abandoned', name, zone: zoneName ?? zoneId });
  } catch (failure) {
    signal.throwIfAborted();
    for (const course of await withLeftovers(parts, courses))
      note(course, 'removing an earlier challenge', failure);
  }
}

/** Without its journal nothing is ordered for a name: its challenge could not be published. */
function noteUnread(course: Course, failures: ReadonlyMap<string, unknown>, step: string): void {
  for (const name of course.kept.names) {
    if (!failures.has(name)) continue;
    // One failure is enough for the next attempt.
    if (course.failures.length === 0) note(course, step, failures.get(name));
    course.unread = true;
  }
}

async function withLeftovers(parts: Deps, courses: readonly Course[]): Promise<readonly Course[]> {
  const left: Course[] = [];
  for (const course of courses) {
    const { entries } = await notedChallenges(parts, course.kept.names);
    if (entries.length > 0) left.push(course);
  }
  return left;
}

/**
 * Removes the challenges of these certificates, in one write for each zone. Has a deadline of its own, because the round may have been
 * aborted. What stays is in the journal, and swept by the next round.
 */
export async function removeOwnChallenges(
  parts: Deps,
  courses: readonly Course[],
  signal: AbortSignal,
): Promise<void> {
  const { emit, provider } = parts;
  try {
    const { entries, failures } = await notedChallenges(parts, namesOf(courses));
    for (const course of courses) noteUnread(course, failures, 'removing the challenge');
    if (entries.length === 0) return;
    const names = entries.map(({ name }) => name);
    if (provider.capabilities.rewritesZone) {
      emit({ type: 'challenge-retained', names });
      return;
    }
    await removeChallenges(parts, entries, cleanUpDeadline(signal));
    const written = namesWritten(entries);
    if (written.length > 0) emit({ type: 'challenge-removed', names: written });
  } catch (thrown) {
    // A pass that is aborted says nothing of its failures.
    if (signal.aborted) emit({ type: 'challenge-not-removed', error: thrown });
    // Else the next attempt would be hours away.
    for (const course of await withLeftovers(parts, courses)) note(course, 'removing the challenge', thrown);
  }
}

/** Where a challenge was published, as far as the provider has confirmed it; of a write that it refused nothing stands. */
function namesWritten(entries: readonly NotedChallenge[]): string[] {
  return entries.filter(({ handle }) => handle !== undefined).map(({ name }) => name);
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
