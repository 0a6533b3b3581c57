import type { JournalledChallenge } from '../records/challenges.ts';
import { journalledChallenges } from '../records/journal.ts';
import { confirmed, removeChallenges } from './apply.ts';
import type { Deps, ManagedCertificate } from './deps.ts';
import type { RenewalTask } from './renewal.ts';
import type { Report } from './report.ts';
import { readJournals } from './zones.ts';

/**
 * The time limit for removing challenges, and the limit once the process is stopping, in
 * milliseconds.
 */
const CLEANUP_MS = 15_000;
const CLEANUP_WHILE_STOPPING_MS = 4000;

/**
 * Removes the challenges of a batch, one write for each zone. It has its own deadline, because the
 * run may have been aborted. Challenges that cannot be removed stay in the journal, and the next
 * run prunes them. Never rejects.
 */
export async function cleanUp(
  deps: Deps,
  report: Report,
  batch: readonly RenewalTask[],
  signal: AbortSignal,
): Promise<void> {
  const { emit, provider } = deps;
  const certificates = batch.map(({ certificate }) => certificate);
  const journalled = await readJournals(deps, report, 'removing the challenge', certificates);
  const names = journalled.map(({ name }) => name);
  if (names.length === 0) return;
  if (provider.capabilities.rewritesZone) {
    emit({ type: 'challenge-retained', names });
    return;
  }
  const deadline = cleanUpDeadline(signal);
  const { removed, failures } = await removeByZone(deps, journalled, deadline);
  if (removed.length > 0) emit({ type: 'challenge-removed', names: removed });
  const [error] = failures.values();
  if (error === undefined) return;
  // An aborted run reports no failures.
  if (signal.aborted) emit({ type: 'challenge-not-removed', error });
  // Reporting the failure makes the next attempt follow in seconds rather than hours.
  for (const certificate of certificates)
    for (const zoneId of await zonesWithLeftovers(deps, certificate)) {
      const failure = failures.get(zoneId);
      if (failure !== undefined) report.fail(certificate, 'removing the challenge', failure);
    }
}

/** Removes challenges in one write for each zone; the failures are by zone id. */
async function removeByZone(deps: Deps, challenges: readonly JournalledChallenge[], signal: AbortSignal) {
  const removed: string[] = [];
  const failures = new Map<string, unknown>();
  for (const [id, own] of Map.groupBy(challenges, ({ zoneId }) => zoneId))
    try {
      await removeChallenges(deps, { zone: { id, name: own[0]?.zoneName } }, own, signal);
      removed.push(...confirmed(own));
    } catch (thrown) {
      failures.set(id, thrown);
    }
  return { removed, failures };
}

/** The zones of the challenges that are still in the journals. Unreadable journals were reported. */
async function zonesWithLeftovers(deps: Deps, { names }: ManagedCertificate): Promise<ReadonlySet<string>> {
  const entries = await Promise.all(names.map((name) => journalledChallenges(deps, name).catch(() => [])));
  return new Set(entries.flat().map(({ zoneId }) => zoneId));
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
