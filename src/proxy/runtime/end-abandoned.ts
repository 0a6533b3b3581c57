import { readFile } from 'node:fs/promises';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import { servesHttp1Clients } from '../config/backends.ts';
import { type Tracked, trackAbandoned, updateProgress } from './abandoned.ts';
import { expectReply, type RuntimeApi } from './runtime-api.ts';
import { readProgress, readSessions } from './sessions.ts';
import { readTcpTable } from './tcp-table.ts';

/** When an HTTP/1.1 client that has closed its side is considered gone. */
export interface AbandonedPolicy {
  /** Milliseconds without any transfer. */
  readonly idleMs: number;
  /** Milliseconds between two polls. */
  readonly intervalMs: number;
}

/**
 * `idleMs` is longer than the pauses in streams that apps and proxies keep alive (mostly 15 s), and
 * than most responses take for which a client with a closed side waits. It is short enough that
 * requests of clients that are gone do not fill MAXCONN.
 */
export const ABANDONED_POLICY: AbandonedPolicy = { idleMs: 30_000, intervalMs: 5_000 };

export interface EndAbandonedOptions extends AbandonedPolicy {
  /** The port that HAProxy listens on. */
  readonly port: number;
  readonly clock: Clock;
  readonly log: Log;
  /** The text of the kernel's TCP table, by default that of this network namespace. */
  readonly readTable?: () => Promise<string>;
}

/**
 * Ends requests of HTTP/1.1 clients that are gone, so that the app sees its connection close, until
 * the signal aborts. HAProxy cannot do this itself: a client that waits for the response has closed
 * its side in the same way (see Backend.abortOnClose). Never rejects.
 *
 * Counts polls instead of comparing times, because the clock may be set.
 */
export async function endAbandonedRequests(
  options: EndAbandonedOptions,
  currentApi: () => RuntimeApi | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { idleMs, intervalMs, clock, log } = options;
  const maxPolls = Math.max(1, Math.ceil(idleMs / intervalMs));
  let tracked: Tracked = new Map();
  let logged = false;
  while (!signal.aborted) {
    const api = currentApi();
    try {
      if (api) tracked = await poll(tracked, api, { ...options, maxPolls, signal });
    } catch (err) {
      if (!logged && !signal.aborted) log.debug({ err }, 'searching for abandoned requests failed; retrying');
      logged = true;
    }
    await clock.wait(intervalMs, signal).catch(() => undefined);
  }
}

interface PollOptions extends EndAbandonedOptions {
  readonly maxPolls: number;
  readonly signal: AbortSignal;
}

async function poll(
  before: Tracked,
  api: RuntimeApi,
  { port, maxPolls, readTable = systemTable, signal }: PollOptions,
): Promise<Tracked> {
  const sessions = readSessions(await api.send('show sess', { signal }));
  if (!sessions.some(({ backend }) => servesHttp1Clients(backend))) return new Map();
  // Read the table after the sessions: then a client that is in the list but not in the table has
  // reset its connection.
  const table = readTcpTable(await readTable(), port);
  if (!table.listening) throw new Error("the kernel's TCP table does not contain HAProxy's port");
  const { tracked, due } = trackAbandoned(before, sessions, table.peers, maxPolls);
  for (const { key, session, request } of due) {
    const { id } = session;
    const next = updateProgress(
      request,
      readProgress(await api.send(`show sess ${id}`, { signal }), session),
    );
    if (next) tracked.set(key, next);
    else {
      tracked.delete(key);
      await expectReply(api, `shutdown session ${id}`, /^$|^No such session/, { signal });
    }
  }
  return tracked;
}

/** IPv4 and IPv6; a kernel may have no IPv6. */
async function systemTable(): Promise<string> {
  const v6 = readFile('/proc/net/tcp6', 'utf8').catch(() => '');
  return `${await readFile('/proc/net/tcp', 'utf8')}${await v6}`;
}
