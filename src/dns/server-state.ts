import type { AuthoritativeServer } from './authoritative.ts';
import { describeProbe, type ProbeResult } from './probe.ts';

/** How one address of a name server has answered so far. */
export interface ServerState {
  readonly server: AuthoritativeServer;
  /** What it said last; undefined before it was asked. */
  readonly last: ProbeResult | undefined;
  /** How often in a row it was silent or declined. */
  readonly failures: number;
  /** When that began, in milliseconds of the epoch. */
  readonly failingSince: number | undefined;
  /** It has answered with something else than what is expected. */
  readonly hasBeenStale: boolean;
}

/** What a server said last, each sentence with its name and address. */
export function describeServerState({ server: { hostname, address }, last: said }: ServerState): string[] {
  return describeProbe(said).map((words) => `${hostname} (${address}) ${words}`);
}

/** What can be made of the looks at all servers. */
export type Assessment =
  | {
      readonly kind: 'seen';
      /** Those that would not say, and are no reason to go on waiting. */
      readonly passedOver: readonly ServerState[];
    }
  | { readonly kind: 'waiting'; readonly pending: readonly ServerState[] }
  /** No address of any server gives an answer: all are silent, or somebody between declines in their place. */
  | { readonly kind: 'filtered'; readonly pending: readonly ServerState[] };

export interface Circumstances {
  /** In milliseconds of the epoch. */
  readonly now: number;
  /** The time is over. */
  readonly isOver: boolean;
  /** It must not be waited to the end for a server that is mute. */
  readonly urgent: boolean;
  /** Servers that were waited for to the end before. */
  readonly passedOverBefore: ReadonlySet<AuthoritativeServer>;
}

/** Looks in a row, and milliseconds, after which a server is mute for good; a lost packet or a restart is none of that. */
const SETTLED_LOOKS = 3;
const SETTLED_MS = 5000;

export function initialState(server: AuthoritativeServer): ServerState {
  return { server, last: undefined, failures: 0, failingSince: undefined, hasBeenStale: false };
}

/** The look after another one. `at` is when it was begun, in milliseconds of the epoch. */
export function nextState(last: ServerState, said: ProbeResult, at: number): ServerState {
  const isMute = said.kind === 'silent' || said.kind === 'declines';
  return {
    server: last.server,
    last: said,
    failures: isMute ? last.failures + 1 : 0,
    failingSince: isMute ? (last.failingSince ?? at) : undefined,
    hasBeenStale: last.hasBeenStale || said.kind === 'lacks',
  };
}

/**
 * Whether what was published is seen. A server that answers with something else is always waited for. One that is mute (silent,
 * SERVFAIL, REFUSED) is passed over once another one serves what is expected: at once where that is another address of the same
 * server, else when the time is over, or after a few looks when it is urgent. A CA gets its answer from the others too.
 * Pure.
 */
export function assess(looks: readonly ServerState[], circumstances: Circumstances): Assessment {
  const seen = looks.filter(isSeen);
  const pending = looks.filter((look) => !isSeen(look) && !isExcused(look, seen));
  const { isOver: late, urgent, passedOverBefore: givenUp } = circumstances;
  const mayPass = (look: ServerState) => {
    const settled = isSettled(look, circumstances);
    if (late) return isMute(look) && (settled || !look.hasBeenStale);
    return settled && (urgent || givenUp.has(look.server));
  };
  if (pending.length === 0 || (seen.length > 0 && pending.every(mayPass)))
    return { kind: 'seen', passedOver: pending };
  const isGone = (look: ServerState) =>
    look.last?.kind === 'silent'
      ? isSettled(look, circumstances) || (late && !look.hasBeenStale)
      : isSettled(look, circumstances) && !look.hasBeenStale;
  return { kind: looks.every(isGone) ? 'filtered' : 'waiting', pending };
}

function isSeen({ last: said }: ServerState): boolean {
  return said?.kind === 'seen';
}

function isMute({ last: said }: ServerState): boolean {
  return said?.kind === 'silent' || said?.kind === 'declines';
}

function isUnroutable({ last: said }: ServerState): boolean {
  return said?.kind === 'silent' && said.unroutable;
}

/** No answer at one address (IPv6 that leads nowhere), while another address of the same server serves everything. */
function isExcused(look: ServerState, seen: readonly ServerState[]): boolean {
  const enough = isUnroutable(look) || (look.last?.kind === 'silent' && look.failures >= SETTLED_LOOKS);
  return enough && seen.some(({ server }) => server.hostname === look.server.hostname);
}

function isSettled(look: ServerState, { now, passedOverBefore: givenUp }: Circumstances): boolean {
  if (!isMute(look)) return false;
  if (isUnroutable(look) || givenUp.has(look.server)) return true;
  return look.failures >= SETTLED_LOOKS && now - (look.failingSince ?? now) >= SETTLED_MS;
}
