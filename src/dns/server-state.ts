import type { AuthoritativeServer } from './authoritative.ts';
import { type ProbeResult, problemsIn } from './probe.ts';

/** The results of the probes of one address of an authoritative server. */
export interface ServerState {
  readonly server: AuthoritativeServer;
  /** The result of the last probe; undefined before the first. */
  readonly last: ProbeResult | undefined;
  /** How many probes in a row found it lame or unreachable. */
  readonly failures: number;
  /** When the first of these began, in milliseconds since the epoch. */
  readonly failingSince: number | undefined;
  /** Whether any probe found it stale. */
  readonly hasBeenStale: boolean;
}

/** A server that was never probed. */
export function initialState(server: AuthoritativeServer): ServerState {
  return { server, last: undefined, failures: 0, failingSince: undefined, hasBeenStale: false };
}

/** The state after a probe that began at `at`, in milliseconds since the epoch. */
export function nextState(state: ServerState, result: ProbeResult, at: number): ServerState {
  const failed = result.kind === 'unreachable' || result.kind === 'lame';
  return {
    server: state.server,
    last: result,
    failures: failed ? state.failures + 1 : 0,
    failingSince: failed ? (state.failingSince ?? at) : undefined,
    hasBeenStale: state.hasBeenStale || result.kind === 'stale',
  };
}

/**
 * The problems of a server, each a sentence with its name and address; empty if everything is
 * propagated.
 */
export function describeServerState({ server: { hostname, address }, last }: ServerState): string[] {
  return problemsIn(last).map((problem) => `${hostname} (${address}) ${problem}`);
}

/** The result for all servers of a zone together. */
export type Assessment =
  | {
      readonly kind: 'propagated';
      /** Lame and unreachable servers that are not waited for. */
      readonly passedOver: readonly ServerState[];
    }
  | { readonly kind: 'pending'; readonly pending: readonly ServerState[] }
  /**
   * No address of any server answers for the zone: port 53 is filtered, or redirected to a server
   * that is lame for it.
   */
  | { readonly kind: 'filtered'; readonly pending: readonly ServerState[] };

/** The input of an assessment besides the servers. */
export interface Circumstances {
  /** In milliseconds since the epoch. */
  readonly now: number;
  /** Whether the timeout has passed. */
  readonly isOver: boolean;
  /** Whether failing servers are passed over before the timeout. */
  readonly urgent: boolean;
  /** Servers that an earlier wait has passed over. */
  readonly passedOverBefore: ReadonlySet<AuthoritativeServer>;
}

/**
 * A server counts as down after this many failed probes in a row over this many milliseconds: more
 * than a lost packet or a restart.
 */
const DOWN_AFTER_PROBES = 3;
const DOWN_AFTER_MS = 5000;

/**
 * Whether the expected records have propagated. A stale server is always waited for. A failing one
 * (unreachable or lame) is passed over once another server serves the records: at once if that is
 * another address of the same server, otherwise at the timeout, or as soon as it counts as down
 * when the wait is urgent. The CA, too, gets its answer from the other servers. Pure.
 */
export function assess(states: readonly ServerState[], circumstances: Circumstances): Assessment {
  const propagated = states.filter(isPropagated);
  const pending = states.filter((state) => !isPropagated(state) && !hasOtherAddress(state, propagated));
  const { isOver, urgent, passedOverBefore } = circumstances;
  const canPassOver = (state: ServerState) => {
    const down = isDown(state, circumstances);
    if (isOver) return isFailing(state) && (down || !state.hasBeenStale);
    return down && (urgent || passedOverBefore.has(state.server));
  };
  if (pending.length === 0 || (propagated.length > 0 && pending.every(canPassOver)))
    return { kind: 'propagated', passedOver: pending };
  const seemsFiltered = (state: ServerState) =>
    state.last?.kind === 'unreachable'
      ? isDown(state, circumstances) || (isOver && !state.hasBeenStale)
      : isDown(state, circumstances) && !state.hasBeenStale;
  return { kind: states.every(seemsFiltered) ? 'filtered' : 'pending', pending };
}

function isPropagated({ last }: ServerState): boolean {
  return last?.kind === 'propagated';
}

function isFailing({ last }: ServerState): boolean {
  return last?.kind === 'unreachable' || last?.kind === 'lame';
}

function isUnroutable({ last }: ServerState): boolean {
  return last?.kind === 'unreachable' && last.unroutable;
}

/**
 * Whether the address is unreachable (IPv6 without a route, say) while another address of the same
 * server serves everything.
 */
function hasOtherAddress(state: ServerState, propagated: readonly ServerState[]): boolean {
  const unreachable =
    isUnroutable(state) || (state.last?.kind === 'unreachable' && state.failures >= DOWN_AFTER_PROBES);
  return unreachable && propagated.some(({ server }) => server.hostname === state.server.hostname);
}

function isDown(state: ServerState, { now, passedOverBefore }: Circumstances): boolean {
  if (!isFailing(state)) return false;
  if (isUnroutable(state) || passedOverBefore.has(state.server)) return true;
  return state.failures >= DOWN_AFTER_PROBES && now - (state.failingSince ?? now) >= DOWN_AFTER_MS;
}

/** The host names of the servers that answer, but do not serve every record. Pure. */
export function serversBehind(states: readonly ServerState[]): string[] {
  const behind = states.filter((state) => !isPropagated(state) && state.last?.kind !== 'unreachable');
  return [...new Set(behind.map(({ server }) => server.hostname))];
}

/**
 * The hint if servers do not serve in time what the operator's own primary has accepted: most
 * likely they got no NOTIFY. Undefined if every server that answers serves it. Pure.
 */
export function notifyHint(states: readonly ServerState[]): string | undefined {
  const names = serversBehind(states);
  if (names.length === 0) return undefined;
  const notify = `Make the primary send NOTIFY to ${names.join(', ')} after every update (docs/providers.md shows how for BIND, Knot and PowerDNS), and allow the zone transfer: most likely one of the two failed. If the primary cannot send NOTIFY, raise DNS_PROPAGATION_TIMEOUT above the refresh interval of the SOA record.`;
  if (states.some(isPropagated)) return notify;
  return `Check that the domain is delegated to the primary of RFC2136_NAMESERVER and its secondaries. ${notify}`;
}
