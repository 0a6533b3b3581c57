import { type AuthoritativeServer, type AuthoritativeZone, findAuthoritative } from '../dns/authoritative.ts';
import type { Expectation } from '../dns/probe.ts';
import {
  type ExpectationRefresh,
  type Progress,
  type Propagation,
  waitForPropagation,
} from '../dns/propagation.ts';
import type { DnsProvider, Zone } from '../dns/provider.ts';
import { describeServerState } from '../dns/server-state.ts';
import { IngressError } from '../errors.ts';
import type { CertificateNames, PropagationProgress } from '../events.ts';
import type { Deps } from './deps.ts';
import { stopwatch } from './stopwatch.ts';

/** For what it is waited, and where. */
export interface Waiting {
  readonly domain: string;
  readonly zone: Zone;
  readonly servers: ServerFinder;
  /** Whether a certificate is urgent that waits for it. */
  readonly urgent: boolean;
  /** When it was written. Default: now. */
  readonly publishedAt?: Date;
  /** The certificate that waits. */
  readonly certificate: CertificateNames;
}

/** The name servers of a zone, for one round. */
export interface FoundServers extends AuthoritativeZone {
  /** Those that a wait of this round has passed over, because they say nothing. */
  readonly givenUp: Set<AuthoritativeServer>;
}

/** Finds the authoritative name servers of the zone that holds a name. Throws DNS_LOOKUP_FAILED. */
export type ServerFinder = (domain: string, zone: Zone, signal: AbortSignal) => Promise<FoundServers>;

/** Asks for the servers of a zone once in a round, however many names are waited for. A failure is not remembered. */
export function createServerFinder({ resolver }: Pick<Deps, 'resolver'>): ServerFinder {
  const found = new Map<string, Promise<FoundServers>>();
  const find = async (domain: string, name: string | undefined, signal: AbortSignal) => ({
    ...(await findAuthoritative(domain, name, resolver, signal)),
    givenUp: new Set<AuthoritativeServer>(),
  });
  return (domain, { id, name }, signal) => {
    // Where the credentials may not read the zone's name, each domain is looked for by itself.
    const key = name === undefined ? `${id} ${domain}` : id;
    const finding = found.get(key) ?? find(domain, name, signal);
    found.set(key, finding);
    finding.catch(() => found.delete(key));
    return finding;
  };
}

/** What has to be served, given the apex of the zone. */
export interface Expected {
  readonly expectations: (apex: string) => readonly Expectation[];
  readonly reconsider?: (apex: string) => ExpectationRefresh;
}

/**
 * Waits until every authoritative name server of the zone serves what is expected, and the provider says so too where
 * it can, and says in the log what is waited for and how long it took (`<what>-propagated`). Servers that it had to go on without are a
 * warning. Gives how it was seen. Throws DNS_LOOKUP_FAILED and PROPAGATION_TIMEOUT.
 */
export async function waitUntilEverywhere(
  parts: Deps,
  { domain, zone, servers, urgent, publishedAt, certificate }: Waiting,
  what: 'records' | 'challenge',
  { expectations, reconsider }: Expected,
  signal: AbortSignal,
): Promise<Propagation> {
  const { spec, provider, clock, resolver, ask, emit } = parts;
  const elapsed = stopwatch(clock);
  const found = await servers(domain, zone, signal);
  const seen = await waitForPropagation(found, expectations(found.apex), {
    ...{ clock, query: ask, signal, resolver, urgent, passedOverBefore: found.givenUp },
    ...(publishedAt === undefined ? {} : { publishedAt }),
    timeoutMs: spec.propagationTimeoutMs,
    byNotify: provider.capabilities.notifiesSecondaries ?? false,
    refresh: reconsider?.(found.apex),
    onProgress: (progress) =>
      emit({ type: 'waiting', for: what, certificate, ...waitingOf(found, progress, clock.now()) }),
  });
  warnOfServers(parts, found, seen);
  await waitUntilSettled(provider, zone, spec.propagationTimeoutMs, signal);
  emit({
    type: what === 'records' ? 'records-propagated' : 'challenge-propagated',
    certificate,
    ...{ zone: found.apex, servers: found.servers.length, by: seen.by },
    someSilent: seen.passedOver.length > 0,
    seconds: elapsed(),
  });
  return seen;
}

function waitingOf(
  { apex }: AuthoritativeZone,
  { servers, propagatedTo: seenBy, waitingFor, askResolversAt }: Progress,
  now: Date,
): PropagationProgress {
  const resolvers = askResolversAt && { from: askResolversAt, isDue: askResolversAt <= now };
  return { zone: apex, servers, seenBy, waitingFor, resolvers };
}

/** Once in a round: what is written after it meets the same servers. */
function warnOfServers(
  { warnOf, clock }: Deps,
  { apex, givenUp }: FoundServers,
  { by, passedOver }: Propagation,
): void {
  const subject = `name servers of ${apex}`;
  if (passedOver.length === 0) warnOf(subject, undefined);
  else if (!passedOver.every(({ server }) => givenUp.has(server))) {
    // They are asked again when something is published again, which may be in weeks.
    const at = clock.now().toISOString();
    const sentence = by === 'resolvers' ? noServers(apex, passedOver) : someServers(apex, passedOver);
    warnOf(subject, `at ${at} ${sentence}`);
  }
  for (const { server } of passedOver) givenUp.add(server);
}

function someServers(apex: string, passedOver: Propagation['passedOver']): string {
  const [these, them] = passedOver.length > 1 ? ['these servers', 'them'] : ['this server', 'it'];
  return `all name servers of ${apex} that answer served what was published, and the ingress went on without ${these}: ${passedOver.flatMap(describeServerState).join('; ')}. Repair ${these}, or take ${them} out of the delegation`;
}

function noServers(apex: string, passedOver: Propagation['passedOver']): string {
  return `no name server of ${apex} gave an answer at any address, so outgoing port 53 seems to be filtered or redirected; the resolvers showed what was published, and the ingress went on: ${passedOver.flatMap(describeServerState).join('; ')}. Let the container reach port 53 of any address by UDP and TCP, so that changes are seen sooner`;
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
