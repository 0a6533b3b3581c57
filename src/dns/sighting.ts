import type { AuthoritativeServer } from './authoritative.ts';
import { type Said, wordsOf } from './look.ts';

/** How one address of a name server has answered so far. */
export interface Look {
  readonly server: AuthoritativeServer;
  /** What it said last; undefined before it was asked. */
  readonly said: Said | undefined;
  /** How often in a row it was silent or declined. */
  readonly mutes: number;
  /** When that began, in milliseconds of the epoch. */
  readonly mutedAt: number | undefined;
  /** It has answered with something else than what is expected. */
  readonly hadOther: boolean;
}

/** What a server said last, each sentence with its name and address. */
export function lookInWords({ server: { hostname, address }, said }: Look): string[] {
  return wordsOf(said).map((words) => `${hostname} (${address}) ${words}`);
}

/** What can be made of the looks at all servers. */
export type Sighting =
  | {
      readonly kind: 'seen';
      /** Those that would not say, and are no reason to go on waiting. */
      readonly passedOver: readonly Look[];
    }
  | { readonly kind: 'waiting'; readonly pending: readonly Look[] }
  /** No address of any server gives an answer: all are silent, or somebody between declines in their place. */
  | { readonly kind: 'filtered'; readonly pending: readonly Look[] };

export interface Circumstances {
  /** In milliseconds of the epoch. */
  readonly now: number;
  /** The time is over. */
  readonly late: boolean;
  /** It must not be waited to the end for a server that is mute. */
  readonly urgent: boolean;
  /** Servers that were waited for to the end before. */
  readonly givenUp: ReadonlySet<AuthoritativeServer>;
}

/** Looks in a row, and milliseconds, after which a server is mute for good; a lost packet or a restart is none of that. */
const SETTLED_LOOKS = 3;
const SETTLED_MS = 5000;

export function notAsked(server: AuthoritativeServer): Look {
  return { server, said: undefined, mutes: 0, mutedAt: undefined, hadOther: false };
}

/** The look after another one. `at` is when it was begun, in milliseconds of the epoch. */
export function lookAfter(last: Look, said: Said, at: number): Look {
  const isMute = said.kind === 'silent' || said.kind === 'declines';
  return {
    server: last.server,
    said,
    mutes: isMute ? last.mutes + 1 : 0,
    mutedAt: isMute ? (last.mutedAt ?? at) : undefined,
    hadOther: last.hadOther || said.kind === 'lacks',
  };
}

/**
 * Whether what was published is seen. A server that answers with something else is always waited for. One that is mute (silent,
 * SERVFAIL, REFUSED) is passed over once another one serves what is expected: at once where that is another address of the same
 * server, else when the time is over, or after a few looks when it is urgent. A CA gets its answer from the others too.
 * Pure.
 */
export function judge(looks: readonly Look[], circumstances: Circumstances): Sighting {
  const seen = looks.filter(isSeen);
  const pending = looks.filter((look) => !isSeen(look) && !isExcused(look, seen));
  const { late, urgent, givenUp } = circumstances;
  const mayPass = (look: Look) => {
    const settled = isSettled(look, circumstances);
    if (late) return isMute(look) && (settled || !look.hadOther);
    return settled && (urgent || givenUp.has(look.server));
  };
  if (pending.length === 0 || (seen.length > 0 && pending.every(mayPass)))
    return { kind: 'seen', passedOver: pending };
  const isGone = (look: Look) =>
    look.said?.kind === 'silent'
      ? isSettled(look, circumstances) || (late && !look.hadOther)
      : isSettled(look, circumstances) && !look.hadOther;
  return { kind: looks.every(isGone) ? 'filtered' : 'waiting', pending };
}

function isSeen({ said }: Look): boolean {
  return said?.kind === 'seen';
}

function isMute({ said }: Look): boolean {
  return said?.kind === 'silent' || said?.kind === 'declines';
}

function isUnroutable({ said }: Look): boolean {
  return said?.kind === 'silent' && said.unroutable;
}

/** No answer at one address (IPv6 that leads nowhere), while another address of the same server serves everything. */
function isExcused(look: Look, seen: readonly Look[]): boolean {
  const enough = isUnroutable(look) || (look.said?.kind === 'silent' && look.mutes >= SETTLED_LOOKS);
  return enough && seen.some(({ server }) => server.hostname === look.server.hostname);
}

function isSettled(look: Look, { now, givenUp }: Circumstances): boolean {
  if (!isMute(look)) return false;
  if (isUnroutable(look) || givenUp.has(look.server)) return true;
  return look.mutes >= SETTLED_LOOKS && now - (look.mutedAt ?? now) >= SETTLED_MS;
}
