import { servesHttp1Clients } from '../config/backends.ts';
import type { Session } from './sessions.ts';
import type { TcpTable } from './tcp-table.ts';

/** A request whose client has closed its side, as it was when something last moved. */
export interface TrackedRequest {
  /** How often it was seen since, without a change. */
  readonly polls: number;
  /** See Peer. */
  readonly unacked: number;
  /** See readProgress. Undefined until HAProxy was asked. */
  readonly progress: string | undefined;
}

/** By what tells one request from another. */
export type Tracked = ReadonlyMap<string, TrackedRequest>;

export interface Poll {
  /** What to remember. */
  readonly tracked: Map<string, TrackedRequest>;
  /** What HAProxy has to be asked about, see judge. */
  readonly due: readonly { readonly key: string; readonly session: Session; readonly known: TrackedRequest }[];
}

/**
 * Looks at all sessions, those first whose clients of HTTP/1.1 have closed their side; pure. A client that has reset its connection is
 * not in the kernel's table at all. What HAProxy has to be asked about is little: what was seen like this before, and then what has
 * stood still for `patience` looks.
 */
export function trackAbandoned(
  before: Tracked,
  sessions: readonly Session[],
  peers: TcpTable['peers'],
  patience: number,
): Poll {
  const watch = new Map<string, TrackedRequest>();
  const due: Poll['due'][number][] = [];
  for (const session of sessions.filter(({ backend }) => servesHttp1Clients(backend))) {
    const peer = peers.get(session.client) ?? RESET;
    if (!peer.closed) continue;
    const key = `${session.id} ${session.client} ${session.backend}`;
    const known = before.get(key);
    if (!known || known.unacked !== peer.unacked) {
      watch.set(key, { polls: 0, unacked: peer.unacked, progress: undefined });
      continue;
    }
    const seen = { ...known, looks: known.polls + 1 };
    watch.set(key, seen);
    if (seen.progress === undefined || seen.looks >= patience) due.push({ key, session, known: seen });
  }
  return { tracked: watch, due };
}

const RESET = { closed: true, queued: 0 };

/** What to remember of a request that has now moved `progress`; undefined: it is to be let go. Pure. */
export function updateProgress({ unacked: queued, progress }: TrackedRequest, now: string | undefined): TrackedRequest | undefined {
  if (now !== undefined && now === progress) return undefined;
  return { polls: 0, unacked: queued, progress: now ?? UNREADABLE };
}

/** Asked about as seldom as the others. */
const UNREADABLE = '';
