import type { CertificateNames } from '../certificates/certificate.ts';
import { stopwatch } from '../clock.ts';
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
import type { PropagationProgress } from '../events.ts';
import type { Deps } from './deps.ts';

/** The name servers of a zone, for one reconciliation. */
export interface ZoneServers extends AuthoritativeZone {
  /** Servers that an earlier wait of this run passed over, because they did not answer. */
  readonly passedOver: Set<AuthoritativeServer>;
}

/** Finds the authoritative name servers of the zone that holds a name. Throws DNS_LOOKUP_FAILED. */
export type FindServers = (domain: string, zone: Zone, signal: AbortSignal) => Promise<ZoneServers>;

/**
 * Finds the servers of each zone once per run, however many names wait for them. Failures are not
 * cached.
 */
export function createServerFinder({ resolver }: Pick<Deps, 'resolver'>): FindServers {
  const found = new Map<string, Promise<ZoneServers>>();
  const find = async (domain: string, apex: string | undefined, signal: AbortSignal) => ({
    ...(await findAuthoritative(domain, apex, resolver, signal)),
    passedOver: new Set<AuthoritativeServer>(),
  });
  return (domain, { id, name }, signal) => {
    // If the credentials may not read the zone's name, each name is looked up separately.
    const key = name === undefined ? `${id} ${domain}` : id;
    const finding = found.get(key) ?? find(domain, name, signal);
    found.set(key, finding);
    finding.catch(() => found.delete(key));
    return finding;
  };
}

/** What to wait for, and on behalf of which certificate. */
export interface Wait {
  readonly what: 'records' | 'challenge';
  readonly domain: string;
  readonly zone: Zone;
  readonly findServers: FindServers;
  /**
   * Whether the certificate is urgent, so that the wait may pass over servers that do not answer
   * before its timeout.
   */
  readonly urgent: boolean;
  readonly writtenAt: Date;
  readonly certificate: CertificateNames;
  readonly expected: readonly Expectation[];
  /** Recomputes the expected records repeatedly while they are pending. */
  readonly refresh: ExpectationRefresh;
}

/**
 * Waits until every authoritative name server of the zone serves the expected records, and until
 * the provider confirms it if it can. Emits events with the progress and, at the end, the duration.
 * Warns of servers that were passed over because they did not answer. Throws DNS_LOOKUP_FAILED and
 * PROPAGATION_TIMEOUT.
 */
export async function awaitPropagation(deps: Deps, wait: Wait, signal: AbortSignal): Promise<Propagation> {
  const { spec, provider, clock, resolver, query, emit } = deps;
  const { what, domain, zone, findServers, urgent, writtenAt, certificate, expected, refresh } = wait;
  const elapsed = stopwatch(clock);
  const found = await findServers(domain, zone, signal);
  const seen = await waitForPropagation(found, flattened(expected, found, provider), {
    ...{
      clock,
      query,
      signal,
      resolver,
      urgent,
      passedOverBefore: found.passedOver,
      publishedAt: writtenAt,
    },
    timeoutMs: spec.propagationTimeoutMs,
    byNotify: provider.capabilities.notifiesSecondaries ?? false,
    refresh: {
      ...refresh,
      expectations: async () => flattened(await refresh.expectations(), found, provider),
    },
    onProgress: (progress) =>
      emit({ type: 'waiting', for: what, certificate, ...waitingOf(found, progress, clock.now()) }),
  });
  warnOfServers(deps, found, seen);
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

/** Marks a CNAME at the apex, which some providers flatten: they serve it as addresses. */
function flattened(
  expected: readonly Expectation[],
  { apex }: AuthoritativeZone,
  { capabilities }: DnsProvider,
): readonly Expectation[] {
  return expected.map((one) => ({
    ...one,
    flattened: capabilities.flattensApexCname && one.record.type === 'CNAME' && one.record.name === apex,
  }));
}

function waitingOf(
  { apex }: AuthoritativeZone,
  { servers, seenBy, waitingFor, queryResolversAt }: Progress,
  now: Date,
): PropagationProgress {
  const resolvers = queryResolversAt && { from: queryResolversAt, isDue: queryResolversAt <= now };
  return { zone: apex, servers, seenBy, waitingFor, resolvers };
}

/** Warns once per run: later waits meet the same servers. */
function warnOfServers({ warnOf, clock }: Deps, zone: ZoneServers, { by, passedOver }: Propagation): void {
  const { apex } = zone;
  const subject = `name servers of ${apex}`;
  if (passedOver.length === 0) warnOf(subject, undefined);
  else if (!passedOver.every(({ server }) => zone.passedOver.has(server))) {
    // They are queried again after the next write, which may be in weeks.
    const at = clock.now().toISOString();
    const sentence =
      by === 'resolvers' ? noServerAnswered(apex, passedOver) : serversPassedOver(apex, passedOver);
    warnOf(subject, `at ${at} ${sentence}`);
  }
  for (const { server } of passedOver) zone.passedOver.add(server);
}

/** The warning about name servers that a wait has passed over. Pure. */
export function serversPassedOver(apex: string, passedOver: Propagation['passedOver']): string {
  const [these, them] = passedOver.length > 1 ? ['these servers', 'them'] : ['this server', 'it'];
  return `all name servers of ${apex} that answer serve the published records; the ingress continued without ${these}: ${passedOver.flatMap(describeServerState).join('; ')}. Repair ${these}, or remove ${them} from the delegation`;
}

/** The warning about a zone of which no name server could be reached. Pure. */
export function noServerAnswered(apex: string, passedOver: Propagation['passedOver']): string {
  return `no name server of ${apex} answered at any address, so outgoing port 53 seems to be filtered or redirected; the resolvers returned the published records, and the ingress continued: ${passedOver.flatMap(describeServerState).join('; ')}. Allow outgoing port 53 (UDP and TCP) to any address, so that changes are detected sooner`;
}

/** Waits until the provider has deployed its last change. Throws PROPAGATION_TIMEOUT. */
export async function waitUntilSettled(
  provider: Pick<DnsProvider, 'name' | 'settled'>,
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
    const sentence = `after ${timeoutMs / 1000} s ${provider.name} has not propagated the change to all of its name servers`;
    throw new IngressError('PROPAGATION_TIMEOUT', sentence, { cause: thrown });
  }
}
