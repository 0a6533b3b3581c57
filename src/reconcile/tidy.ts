import {
  type ChallengeValue,
  notedChallenges,
  removeChallenges,
  sweepChallenges,
} from '../acme/challenges.ts';
import { type Course, note } from './course.ts';
import type { Parts } from './parts.ts';

/** Milliseconds that removing challenge values may take, and what is left of them once everything is being stopped. */
const CLEANUP_MS = 15_000;
const CLEANUP_WHILE_STOPPING_MS = 4000;

function namesOf(courses: readonly Course[]): string[] {
  return courses.flatMap(({ kept }) => kept.names);
}

/** Removes what earlier runs left in the zones, but for what an open order still wants. A failure is noted where something stays. */
export async function sweep(
  parts: Parts,
  courses: readonly Course[],
  wanted: readonly ChallengeValue[],
  signal: AbortSignal,
): Promise<void> {
  const { log } = parts;
  try {
    const { removed, abandoned } = await sweepChallenges(parts, namesOf(courses), wanted, signal);
    const names = removed.map(({ name }) => name);
    if (names.length > 0)
      log.info({ event: 'challenge-swept', names }, 'removed the challenges of an earlier run');
    for (const { name, zoneName, zoneId } of abandoned) {
      const sentence = `the challenge of an earlier run at ${name} is given up: the account has no zone ${zoneName ?? zoneId} any more`;
      log.warn({ event: 'warning' }, sentence);
    }
  } catch (failure) {
    signal.throwIfAborted();
    for (const course of await withLeftovers(parts, courses))
      note(course, 'challenges of earlier runs', failure);
  }
}

async function withLeftovers(parts: Parts, courses: readonly Course[]): Promise<readonly Course[]> {
  const left: Course[] = [];
  for (const course of courses) {
    const entries = await notedChallenges(parts, course.kept.names).catch(() => undefined);
    if (entries === undefined || entries.length > 0) left.push(course);
  }
  return left;
}

/**
 * Removes the challenges of these certificates, in one write for each zone. Has a deadline of its own, because the round may have been
 * aborted. What stays is in the journal, and swept by the next round.
 */
export async function removeOwnChallenges(
  parts: Parts,
  courses: readonly Course[],
  signal: AbortSignal,
): Promise<void> {
  const { log, provider } = parts;
  try {
    const entries = await notedChallenges(parts, namesOf(courses));
    if (entries.length === 0) return;
    const names = entries.map(({ name }) => name);
    if (provider.capabilities.rewritesZone) {
      const why = 'the challenge stays until the next round, since each write replaces the whole zone';
      log.info({ event: 'challenge-stays', names }, why);
      return;
    }
    await removeChallenges(parts, entries, cleanUpDeadline(signal));
    log.info({ event: 'challenge-removed', names }, 'challenge removed');
  } catch (thrown) {
    log.warn(
      { event: 'challenge-left', err: thrown },
      'the challenge could not be removed; the next round does it',
    );
    // Else that would be hours away.
    for (const { failures } of await withLeftovers(parts, courses)) failures.push(thrown);
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
