import { findAuthoritative } from '../dns/authoritative.ts';
import { type Expectation, waitUntilSeen } from '../dns/propagation.ts';
import type { Zone } from '../dns/provider.ts';
import type { Parts } from './parts.ts';
import { stopwatch } from './stopwatch.ts';

/**
 * Waits until every authoritative name server of the zone serves what is expected, and says in the log what is waited
 * for and how long it took (`<what>-seen`). Throws DNS_LOOKUP_FAILED and PROPAGATION_TIMEOUT.
 */
export async function waitUntilEverywhere(
  { goal, resolver, clock, log }: Parts,
  zone: Zone,
  what: 'records' | 'challenge',
  expectations: (apex: string) => readonly Expectation[],
  signal: AbortSignal,
): Promise<void> {
  const elapsed = stopwatch(clock);
  const authoritative = await findAuthoritative(goal.domain, zone.name, resolver, signal);
  await waitUntilSeen(authoritative, expectations(authoritative.apex), {
    clock,
    signal,
    timeoutMs: goal.propagationTimeoutMs,
    onProgress: (progress) =>
      log.info(
        { event: 'waiting', for: what, ...progress },
        `waiting until every name server has the ${what}`,
      ),
  });
  const { apex, servers } = authoritative;
  const fields = { event: `${what}-seen`, zone: apex, servers: servers.length, seconds: elapsed() };
  log.info(fields, `${what} seen by every name server`);
}
