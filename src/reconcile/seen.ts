import { type AuthoritativeZone, findAuthoritative } from '../dns/authoritative.ts';
import { type Expectation, type Reconsideration, waitUntilSeen } from '../dns/propagation.ts';
import type { DnsProvider, Zone } from '../dns/provider.ts';
import { IngressError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Parts } from './parts.ts';
import { stopwatch } from './stopwatch.ts';

/** For what it is waited, and where. */
export interface Waiting {
  readonly domain: string;
  readonly zone: Zone;
  readonly servers: ServerFinder;
  /** Says of which certificate each line is. */
  readonly log: Log;
}

/** Finds the authoritative name servers of the zone that holds a name. Throws DNS_LOOKUP_FAILED. */
export type ServerFinder = (domain: string, zone: Zone, signal: AbortSignal) => Promise<AuthoritativeZone>;

/** Asks for the servers of a zone once in a round, however many names are waited for. A failure is not remembered. */
export function createServerFinder({ resolver }: Pick<Parts, 'resolver'>): ServerFinder {
  const found = new Map<string, Promise<AuthoritativeZone>>();
  return (domain, { id, name }, signal) => {
    // Where the credentials may not read the zone's name, each domain is looked for by itself.
    const key = name === undefined ? `${id} ${domain}` : id;
    const finding = found.get(key) ?? findAuthoritative(domain, name, resolver, signal);
    found.set(key, finding);
    finding.catch(() => found.delete(key));
    return finding;
  };
}

/** What has to be served, given the apex of the zone. */
export interface Expected {
  readonly expectations: (apex: string) => readonly Expectation[];
  readonly reconsider?: (apex: string) => Reconsideration;
}

/**
 * Waits until every authoritative name server of the zone serves what is expected, and the provider says so too where
 * it can, and says in the log what is waited for and how long it took (`<what>-seen`). Throws DNS_LOOKUP_FAILED and
 * PROPAGATION_TIMEOUT.
 */
export async function waitUntilEverywhere(
  { goal, provider, clock, ask }: Parts,
  { domain, zone, servers, log }: Waiting,
  what: 'records' | 'challenge',
  { expectations, reconsider }: Expected,
  signal: AbortSignal,
): Promise<void> {
  const elapsed = stopwatch(clock);
  const authoritative = await servers(domain, zone, signal);
  await waitUntilSeen(authoritative, expectations(authoritative.apex), {
    clock,
    ask,
    signal,
    timeoutMs: goal.propagationTimeoutMs,
    byNotify: provider.capabilities.notifiesSecondaries ?? false,
    reconsider: reconsider?.(authoritative.apex),
    onProgress: (progress) =>
      log.info(
        { event: 'waiting', for: what, ...progress },
        `waiting until every name server has the ${what}`,
      ),
  });
  await waitUntilSettled(provider, zone, goal.propagationTimeoutMs, signal);
  const fields = { zone: authoritative.apex, servers: authoritative.servers.length, seconds: elapsed() };
  log.info({ event: `${what}-seen`, ...fields }, `${what} seen by every name server`);
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
