import { findAuthoritative } from '../dns/authoritative.ts';
import { type Expectation, waitUntilSeen } from '../dns/propagation.ts';
import type { DnsProvider, Zone } from '../dns/provider.ts';
import { IngressError } from '../errors.ts';
import type { Parts } from './parts.ts';
import { stopwatch } from './stopwatch.ts';

/**
 * Waits until every authoritative name server of the zone serves what is expected, and the provider says so too where
 * it can, and says in the log what is waited
 * for and how long it took (`<what>-seen`). Throws DNS_LOOKUP_FAILED and PROPAGATION_TIMEOUT.
 */
export async function waitUntilEverywhere(
  { goal, provider, resolver, clock, log }: Parts,
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
  await waitUntilSettled(provider, zone, goal.propagationTimeoutMs, signal);
  const { apex, servers } = authoritative;
  const fields = { event: `${what}-seen`, zone: apex, servers: servers.length, seconds: elapsed() };
  log.info(fields, `${what} seen by every name server`);
}

async function waitUntilSettled(
  provider: DnsProvider,
  zone: Zone,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  if (!provider.settled) return;
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    await provider.settled(zone, AbortSignal.any([signal, deadline]));
  } catch (thrown) {
    signal.throwIfAborted();
    if (!deadline.aborted) throw thrown;
    const sentence = `after ${timeoutMs / 1000} s ${provider.name} has not brought the change to all of its name servers`;
    throw new IngressError('PROPAGATION_TIMEOUT', sentence, { cause: thrown });
  }
}
