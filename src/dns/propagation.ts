import type { Clock } from '../clock.ts';
import { IngressError } from '../errors.ts';
import type { AuthoritativeServer, AuthoritativeZone } from './authoritative.ts';
import { type Expectation, type ProbeResult, probe, problemsIn } from './probe.ts';
import { type Query, type Question, query, type Rr } from './query.ts';
import type { Resolver } from './resolver.ts';
import {
  assess,
  describeServerState,
  initialState,
  nextState,
  notifyHint,
  type ServerState,
  serversBehind,
} from './server-state.ts';

export interface PropagationOptions {
  readonly clock: Clock;
  /** Queries one name server. Default: over the network. */
  readonly query?: Query;
  readonly signal: AbortSignal;
  /** Milliseconds until the wait fails. */
  readonly timeoutMs: number;
  /** Whether failing servers are passed over before the timeout. */
  readonly urgent?: boolean;
  /**
   * Servers that an earlier wait for the zone has passed over. They are probed, and passed over at
   * once if they fail.
   */
  readonly passedOverBefore?: ReadonlySet<AuthoritativeServer>;
  /** Used when no authoritative server can be reached. */
  readonly resolver?: Resolver;
  /** When the records were published. Default: now. */
  readonly publishedAt?: Date;
  /**
   * Called when the number of pending servers changes, and when the resolvers are queried instead.
   */
  readonly onProgress?: (progress: Progress) => void;
  /** Recomputes the expectations during a long wait. */
  readonly refresh?: ExpectationRefresh | undefined;
  /**
   * Whether the secondaries learn of a change by NOTIFY from the operator's own primary (see
   * `Capabilities`).
   */
  readonly byNotify?: boolean;
}

/** Recomputes what is expected, because other clients may change the zone during the wait. */
export interface ExpectationRefresh {
  /**
   * Milliseconds until the first call. Each further call follows after three times the elapsed
   * time, the last one this long before the timeout.
   */
  readonly afterMs: number;
  readonly expectations: () => Promise<readonly Expectation[]>;
}

/** How far the records have propagated. */
export interface Progress {
  readonly servers: number;
  readonly seenBy: number;
  /** One sentence for each problem of a pending server. */
  readonly waitingFor: readonly string[];
  /** When the resolvers are queried instead; set once no address of any name server answers. */
  readonly queryResolversAt?: Date;
}

/** How the records were found to have propagated. */
export interface Propagation {
  readonly by: 'name servers' | 'resolvers';
  /** Lame and unreachable servers that were not waited for. */
  readonly passedOver: readonly ServerState[];
  /** Other records of the same names and types, from any server. */
  readonly siblings: readonly Rr[];
}

const QUERY_TIMEOUT_MS = 2000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 3000;

/**
 * Milliseconds from publication to the first query to a resolver, or half of the timeout if that
 * is less: a resolver that is queried before the name servers have the records caches their absence
 * for as long as the zone says (RFC 2308 §5).
 */
const RESOLVER_DELAY_MS = 60_000;

/**
 * Waits until every address of every authoritative server of the zone meets every expectation. A
 * stale server is always waited for; `assess` decides which failing ones are passed over, and when.
 * If no address answers (outgoing port 53 is filtered, or redirected to a server that is lame for
 * the zone), the answer of the resolvers counts. Throws PROPAGATION_TIMEOUT with the last result of
 * each server.
 */
export async function waitForPropagation(
  zone: AuthoritativeZone,
  expectations: readonly Expectation[],
  options: PropagationOptions,
): Promise<Propagation> {
  const { clock, signal, refresh } = options;
  const schedule = scheduleOf(options);
  const report = onChange(options);
  let expected = expectations;
  let refreshAt = schedule.start + (refresh?.afterMs ?? 0);
  let states = zone.servers.map(initialState);
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
    states = await probeServers(zone, states, expected, options);
    const outcome = await evaluate(zone, states, expected, schedule, options);
    if ('by' in outcome) return outcome;
    const now = clock.now().getTime();
    if (outcome.isOver) throw timeoutError(zone, options, states, outcome);
    report(outcome, states.length, schedule);
    if (refresh && now >= refreshAt) {
      refreshAt = nextRefreshAt(now, schedule, refresh);
      expected = await refresh.expectations();
      states = states.map((state) => ({ ...state, last: undefined }));
    }
    await clock.wait(Math.min(pause, Math.max(schedule.deadline - clock.now().getTime(), 0)), signal);
  }
}

/** Times in milliseconds since the epoch. */
interface Schedule {
  readonly start: number;
  readonly deadline: number;
  readonly queryResolversAt: number;
}

function scheduleOf({ clock, timeoutMs, publishedAt }: PropagationOptions): Schedule {
  const start = clock.now().getTime();
  const deadline = start + timeoutMs;
  const earliest = (publishedAt?.getTime() ?? start) + Math.min(RESOLVER_DELAY_MS, timeoutMs / 2);
  return { start, deadline, queryResolversAt: Math.min(earliest, deadline) };
}

const REFRESH_FACTOR = 3;

function nextRefreshAt(now: number, { start, deadline }: Schedule, { afterMs }: ExpectationRefresh): number {
  const last = deadline - afterMs;
  return now >= last ? Number.POSITIVE_INFINITY : Math.min(start + REFRESH_FACTOR * (now - start), last);
}

interface Pending {
  /** Whether the timeout has passed. */
  readonly isOver: boolean;
  readonly servers: number;
  readonly waitingFor: readonly string[];
  /** Whether no name server answers and the resolvers decide. */
  readonly isFiltered: boolean;
}

/** The outcome by the name servers, or by the resolvers if no name server answers. */
async function evaluate(
  { apex }: AuthoritativeZone,
  states: readonly ServerState[],
  expected: readonly Expectation[],
  { deadline, queryResolversAt }: Schedule,
  { clock, signal, resolver, urgent = false, passedOverBefore = new Set() }: PropagationOptions,
): Promise<Propagation | Pending> {
  const now = clock.now().getTime();
  const isOver = now >= deadline;
  const assessment = assess(states, { now, isOver, urgent, passedOverBefore });
  if (assessment.kind === 'propagated') {
    const siblings = states.flatMap(({ last }) => (last?.kind === 'propagated' ? last.siblings : []));
    return { by: 'name servers', passedOver: assessment.passedOver, siblings };
  }
  const waitingFor = assessment.pending.flatMap(describeServerState);
  const isFiltered = assessment.kind === 'filtered' && resolver !== undefined;
  const pending = { isOver, servers: assessment.pending.length, waitingFor, isFiltered };
  if (!isFiltered || now < queryResolversAt) return pending;
  const target = { query: (question: Question) => resolver(question, signal), isResolver: true };
  const result = await probe(expected, apex, target, signal);
  if (result.kind === 'propagated') return { by: 'resolvers', passedOver: states, siblings: result.siblings };
  const resolverProblems = problemsIn(result).map((problem) => `the resolver ${problem}`);
  return { ...pending, waitingFor: [...waitingFor, ...resolverProblems] };
}

function onChange({ onProgress }: PropagationOptions) {
  let last = '';
  return ({ servers: pending, waitingFor, isFiltered }: Pending, servers: number, schedule: Schedule) => {
    const current = `${pending} ${isFiltered}`;
    const resolvers = isFiltered ? { queryResolversAt: new Date(schedule.queryResolversAt) } : {};
    if (current !== last) onProgress?.({ servers, seenBy: servers - pending, waitingFor, ...resolvers });
    last = current;
  };
}

/** Probes every server that does not yet serve everything. */
function probeServers(
  { apex }: AuthoritativeZone,
  states: readonly ServerState[],
  expectations: readonly Expectation[],
  { clock, query: send = query, signal }: PropagationOptions,
): Promise<ServerState[]> {
  const at = clock.now().getTime();
  return Promise.all(
    states.map(async (state) => {
      if (state.last?.kind === 'propagated') return state;
      const limits = { timeoutMs: QUERY_TIMEOUT_MS, signal };
      const target = { query: (question: Question) => send(state.server, question, limits) };
      return nextState(state, await probe(expectations, apex, target, signal), at);
    }),
  );
}

/** The words in `details.servers`, which readers of the log may depend on. */
const LOGGED_KINDS: Readonly<Record<ProbeResult['kind'], string>> = {
  propagated: 'seen',
  stale: 'lacks',
  lame: 'declines',
  unreachable: 'silent',
};

function timeoutError(
  { apex }: AuthoritativeZone,
  { timeoutMs, byNotify = false }: PropagationOptions,
  states: readonly ServerState[],
  { waitingFor, isFiltered }: Pending,
): IngressError {
  const servers = states.map(({ server, last }) => ({
    ...server,
    said: last ? LOGGED_KINDS[last.kind] : 'not asked',
  }));
  const details = { zone: apex, waitingFor, servers, isFiltered };
  const after = `after ${timeoutMs / 1000} s`;
  const problems = waitingFor.join('; ');
  if (!isFiltered) {
    const message = `${after} not every name server of ${apex} serves the published records: ${problems}`;
    const hint = byNotify ? notifyHint(states) : undefined;
    return new IngressError(
      'PROPAGATION_TIMEOUT',
      message,
      hint === undefined ? { details } : { details: { ...details, unnotified: serversBehind(states) }, hint },
    );
  }
  const message = `${after} no name server of ${apex} answers at any address, and the resolvers do not return the published records: ${problems}`;
  return new IngressError('PROPAGATION_TIMEOUT', message, {
    hint: 'Allow outgoing port 53 (UDP and TCP) to any address: a firewall seems to filter or redirect it. Or set DNS_RESOLVERS to resolvers that have not cached an older answer.',
    details,
  });
}
