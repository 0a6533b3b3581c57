import type { Clock } from '../clock.ts';
import { IngressError } from '../errors.ts';
import type { AuthoritativeServer, AuthoritativeZone } from './authoritative.ts';
import { likelyCause } from './lateness.ts';
import { describeProbe, type Expectation, probe } from './probe.ts';
import { type Query, type Question, query, type Rr } from './query.ts';
import type { Resolver } from './resolver.ts';
import { assess, describeServerState, initialState, nextState, type ServerState } from './server-state.ts';

export interface PropagationOptions {
  readonly clock: Clock;
  /** How a name server is asked. Default: over the network. */
  readonly query?: Query;
  readonly signal: AbortSignal;
  /** Milliseconds until it is given up. */
  readonly timeoutMs: number;
  /** Whether it is not waited to the end for servers that say nothing. */
  readonly urgent?: boolean;
  /** Servers that an earlier wait for the same zone has passed over: they are asked, and no longer waited for while they say nothing. */
  readonly passedOverBefore?: ReadonlySet<AuthoritativeServer>;
  /** Who is asked where no name server can be. */
  readonly resolver?: Resolver;
  /** When it was published. Default: now. */
  readonly publishedAt?: Date;
  /** Called when the number of servers that still lack something changes, and when the resolvers are turned to. */
  readonly onProgress?: (progress: Progress) => void;
  /** What is not seen for long may be expected in vain. */
  readonly refresh?: ExpectationRefresh | undefined;
  /** The secondaries learn of a change by NOTIFY from a primary of the user's own (see Capabilities). */
  readonly byNotify?: boolean;
}

/** Says what is expected from now on; asked again and again, since others may go on changing what stands. */
export interface ExpectationRefresh {
  /** Milliseconds until it is asked first; then at ever greater distances, and last as long before the time-out. */
  readonly afterMs: number;
  readonly expectations: () => Promise<readonly Expectation[]>;
}

export interface Progress {
  readonly servers: number;
  readonly propagatedTo: number;
  /** What is still waited for, in words. */
  readonly waitingFor: readonly string[];
  /** Set once no address of any name server answers: when the resolvers are asked in their place. */
  readonly askResolversAt?: Date;
}

/** How it was seen. */
export interface Propagation {
  readonly by: 'name servers' | 'resolvers';
  /** Addresses that said nothing, and were no reason to go on waiting. */
  readonly passedOver: readonly ServerState[];
  /** What stands beside it, by anybody's word. */
  readonly siblings: readonly Rr[];
}

const QUERY_TIMEOUT_MS = 2000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 3000;

/**
 * Milliseconds for which no resolver is asked about what was just published, or half of the time-out: one that is asked
 * before the name servers have it remembers that it is not there, for as long as the zone says (RFC 2308 §5).
 */
const QUIET_MS = 60_000;

/**
 * Waits until every address of every authoritative server of the zone serves every expectation. A server that answers with
 * something else is never ignored; `judge` says which of those that say nothing are passed over, and when. Where no address
 * gives an answer (outgoing port 53 is filtered, or redirected to somebody who declines), it is seen when the resolvers show it. Throws PROPAGATION_TIMEOUT with what
 * each server said last.
 */
export async function waitForPropagation(
  zone: AuthoritativeZone,
  expectations: readonly Expectation[],
  options: PropagationOptions,
): Promise<Propagation> {
  const { clock, signal, refresh: reconsider } = options;
  const times = timesOf(options);
  const tell = onChange(options);
  let expected = expectations;
  let doubtAt = times.start + (reconsider?.afterMs ?? 0);
  let looks = zone.servers.map(initialState);
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
    looks = await lookAround(zone, looks, expected, options);
    const state = await judgeAll(zone, looks, expected, times, options);
    if ('by' in state) return state;
    const now = clock.now().getTime();
    if (state.late) throw tooLate(zone, options, looks, state);
    tell(state, looks.length, times);
    if (reconsider && now >= doubtAt) {
      doubtAt = nextDoubtAt(now, times, reconsider);
      expected = await reconsider.expectations();
      looks = looks.map((look) => ({ ...look, said: undefined }));
    }
    await clock.wait(Math.min(pause, Math.max(times.deadline - clock.now().getTime(), 0)), signal);
  }
}

/** In milliseconds of the epoch. */
interface Times {
  readonly start: number;
  readonly deadline: number;
  readonly askResolversAt: number;
}

function timesOf({ clock, timeoutMs, publishedAt }: PropagationOptions): Times {
  const start = clock.now().getTime();
  const deadline = start + timeoutMs;
  const quietUntil = (publishedAt?.getTime() ?? start) + Math.min(QUIET_MS, timeoutMs / 2);
  return { start, deadline, askResolversAt: Math.min(quietUntil, deadline) };
}

const DOUBTS_GROW_BY = 3;

function nextDoubtAt(now: number, { start, deadline }: Times, { afterMs }: ExpectationRefresh): number {
  const last = deadline - afterMs;
  return now >= last ? Number.POSITIVE_INFINITY : Math.min(start + DOUBTS_GROW_BY * (now - start), last);
}

interface NotSeen {
  /** The time is over. */
  readonly late: boolean;
  readonly pending: number;
  /** In words. */
  readonly waitingFor: readonly string[];
  /** No name server answers, and the resolvers count. */
  readonly isFiltered: boolean;
}

/** What the name servers say together, or the resolvers where none of them says anything. */
async function judgeAll(
  { apex }: AuthoritativeZone,
  looks: readonly ServerState[],
  expected: readonly Expectation[],
  { deadline, askResolversAt }: Times,
  { clock, signal, resolver, urgent = false, passedOverBefore: givenUp = new Set() }: PropagationOptions,
): Promise<Propagation | NotSeen> {
  const now = clock.now().getTime();
  const late = now >= deadline;
  const sighting = assess(looks, { now, isOver: late, urgent, passedOverBefore: givenUp });
  if (sighting.kind === 'seen') {
    const beside = looks.flatMap((look) => (look.last?.kind === 'seen' ? look.last.beside : []));
    return { by: 'name servers', passedOver: sighting.passedOver, siblings: beside };
  }
  const { pending } = sighting;
  const waitingFor = pending.flatMap(describeServerState);
  const isFiltered = sighting.kind === 'filtered' && resolver !== undefined;
  if (!isFiltered || now < askResolversAt) return { late, pending: pending.length, waitingFor, isFiltered };
  const witness = { query: (question: Question) => resolver(question, signal), isResolver: true };
  const said = await probe(expected, apex, witness, signal);
  if (said.kind === 'seen') return { by: 'resolvers', passedOver: looks, siblings: said.beside };
  const byResolver = describeProbe(said).map((words) => `the resolver ${words}`);
  return { late, pending: pending.length, waitingFor: [...waitingFor, ...byResolver], isFiltered };
}

function onChange({ onProgress }: PropagationOptions) {
  let told = '';
  return ({ pending, waitingFor, isFiltered }: NotSeen, servers: number, { askResolversAt }: Times) => {
    const state = `${pending} ${isFiltered}`;
    const turn = isFiltered ? { askResolversAt: new Date(askResolversAt) } : {};
    if (state !== told) onProgress?.({ servers, propagatedTo: servers - pending, waitingFor, ...turn });
    told = state;
  };
}

/** Asks everybody again who has not served everything. */
function lookAround(
  { apex }: AuthoritativeZone,
  looks: readonly ServerState[],
  expectations: readonly Expectation[],
  { clock, query: ask = query, signal }: PropagationOptions,
): Promise<ServerState[]> {
  const at = clock.now().getTime();
  return Promise.all(
    looks.map(async (last) => {
      if (last.last?.kind === 'seen') return last;
      const limits = { timeoutMs: QUERY_TIMEOUT_MS, signal };
      const witness = { query: (question: Question) => ask(last.server, question, limits) };
      const said = await probe(expectations, apex, witness, signal);
      return nextState(last, said, at);
    }),
  );
}

function causeOf(looks: readonly ServerState[]): string | undefined {
  return likelyCause(
    looks.map(({ server: { hostname }, last: said }) => ({
      hostname,
      serves: said?.kind === 'seen',
      answered: said?.kind !== 'silent',
    })),
  );
}

function tooLate(
  { apex }: AuthoritativeZone,
  { timeoutMs, byNotify = false }: PropagationOptions,
  looks: readonly ServerState[],
  { waitingFor, isFiltered }: NotSeen,
): IngressError {
  const servers = looks.map(({ server, last: said }) => ({ ...server, said: said?.kind ?? 'not asked' }));
  const details = { zone: apex, waitingFor, servers, isFiltered };
  const after = `after ${timeoutMs / 1000} s`;
  const said = waitingFor.join('; ');
  if (!isFiltered) {
    const sentence = `${after} not every name server of ${apex} serves what was published: ${said}`;
    const hint = byNotify ? causeOf(looks) : undefined;
    return new IngressError(
      'PROPAGATION_TIMEOUT',
      sentence,
      hint === undefined ? { details } : { details, hint },
    );
  }
  const sentence = `${after} no name server of ${apex} gives an answer at any address, and the resolvers do not show what was published: ${said}`;
  return new IngressError('PROPAGATION_TIMEOUT', sentence, {
    hint: 'Let the container reach port 53 of any address (UDP and TCP): a firewall seems to filter or redirect it. Or point DNS_RESOLVERS at resolvers that have not remembered an older answer.',
    details,
  });
}
