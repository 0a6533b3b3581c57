import { isOfHttp1 } from '../config/backends.ts';
import type { Session } from './sessions.ts';
import type { KernelTable } from './tcp-table.ts';

/** A request whose client has closed its side, as it was when something last moved. */
export interface Watched {
  /** How often it was seen since, without a change. */
  readonly looks: number;
  /** See Peer. */
  readonly queued: number;
  /** See readProgress. Undefined until HAProxy was asked. */
  readonly progress: string | undefined;
}

/** By what tells one request from another. */
export type Watch = ReadonlyMap<string, Watched>;

export interface Review {
  /** What to remember. */
  readonly watch: Map<string, Watched>;
  /** What HAProxy has to be asked about, see judge. */
  readonly due: readonly { readonly key: string; readonly session: Session; readonly known: Watched }[];
}

/**
 * Looks at all sessions, those first whose clients of HTTP/1.1 have closed their side; pure. A client that has reset its connection is
 * not in the kernel's table at all. What HAProxy has to be asked about is little: what was seen like this before, and then what has
 * stood still for `patience` looks.
 */
export function review(
  before: Watch,
  sessions: readonly Session[],
  peers: KernelTable['peers'],
  patience: number,
): Review {
  const watch = new Map<string, Watched>();
  const due: Review['due'][number][] = [];
  for (const session of sessions.filter(({ backend }) => isOfHttp1(backend))) {
    const peer = peers.get(session.client) ?? RESET;
    if (!peer.closed) continue;
    const key = `${session.id} ${session.client} ${session.backend}`;
    const known = before.get(key);
    if (!known || known.queued !== peer.queued) {
      watch.set(key, { looks: 0, queued: peer.queued, progress: undefined });
      continue;
    }
    const seen = { ...known, looks: known.looks + 1 };
    watch.set(key, seen);
    if (seen.progress === undefined || seen.looks >= patience) due.push({ key, session, known: seen });
  }
  return { watch, due };
}

const RESET = { closed: true, queued: 0 };

/** What to remember of a request that has now moved `progress`; undefined: it is to be let go. Pure. */
export function judge({ queued, progress }: Watched, now: string | undefined): Watched | undefined {
  if (now !== undefined && now === progress) return undefined;
  return { looks: 0, queued, progress: now ?? UNREADABLE };
}

/** Asked about as seldom as the others. */
const UNREADABLE = '';
