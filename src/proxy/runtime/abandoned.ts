import { servesHttp1Clients } from '../config/backends.ts';
import type { Session } from './sessions.ts';
import type { TcpTable } from './tcp-table.ts';

/** A request whose client has closed its side. */
export interface TrackedRequest {
  /** Polls since something last changed. */
  readonly polls: number;
  /** See Peer. */
  readonly unacked: number;
  /** See readProgress. Undefined until HAProxy has been queried. */
  readonly progress: string | undefined;
}

/** Keyed by session id, client and backend, which together identify a request. */
export type Tracked = ReadonlyMap<string, TrackedRequest>;

/** The result of one poll. */
export interface Poll {
  /** The requests to track until the next poll. */
  readonly tracked: Map<string, TrackedRequest>;
  /** The requests to query HAProxy about, see updateProgress. */
  readonly due: readonly {
    readonly key: string;
    readonly session: Session;
    readonly request: TrackedRequest;
  }[];
}

/**
 * Finds the requests of HTTP/1.1 clients that have closed their side. A client that has reset its
 * connection is not in the kernel's table. HAProxy is queried about few of them: once when a
 * request is found for the second time, and then when nothing has changed for `maxPolls` polls.
 * Pure.
 */
export function trackAbandoned(
  before: Tracked,
  sessions: readonly Session[],
  peers: TcpTable['peers'],
  maxPolls: number,
): Poll {
  const tracked = new Map<string, TrackedRequest>();
  const due: Poll['due'][number][] = [];
  for (const session of sessions.filter(({ backend }) => servesHttp1Clients(backend))) {
    const peer = peers.get(session.client) ?? RESET;
    if (!peer.closed) continue;
    const key = `${session.id} ${session.client} ${session.backend}`;
    const last = before.get(key);
    if (!last || last.unacked !== peer.unacked) {
      tracked.set(key, { polls: 0, unacked: peer.unacked, progress: undefined });
      continue;
    }
    const request = { ...last, polls: last.polls + 1 };
    tracked.set(key, request);
    if (request.progress === undefined || request.polls >= maxPolls) due.push({ key, session, request });
  }
  return { tracked, due };
}

const RESET = { closed: true, unacked: 0 };

/**
 * The request with its current progress, or undefined if it has made none and must be ended. Pure.
 */
export function updateProgress(
  { unacked, progress }: TrackedRequest,
  current: string | undefined,
): TrackedRequest | undefined {
  if (current !== undefined && current === progress) return undefined;
  return { polls: 0, unacked, progress: current ?? UNREADABLE };
}

/**
 * Stands for progress that could not be read. With `undefined`, HAProxy would be queried at each
 * poll.
 */
const UNREADABLE = '';
