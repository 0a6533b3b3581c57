import { readFile } from 'node:fs/promises';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import { servesHttp1Clients } from '../config/backends.ts';
import { updateProgress, trackAbandoned, type Tracked } from './abandoned.ts';
import { expectReply } from './commands.ts';
import type { RuntimeApi } from './runtime-api.ts';
import { readProgress, readSessions } from './sessions.ts';
import { readTcpTable } from './tcp-table.ts';

/** When a client of HTTP/1.1 that has closed its side counts as gone. */
export interface AbandonedPolicy {
  /** Milliseconds in which nothing moves. */
  readonly idleMs: number;
  /** Milliseconds between two looks. */
  readonly intervalMs: number;
}

/**
 * Longer than apps and proxies let a stream be silent that they keep alive (15 s mostly), and than who closes its side waits for most
 * answers; short enough that the requests of clients that are gone do not fill MAXCONN.
 */
export const ABANDONED_POLICY: AbandonedPolicy = { idleMs: 30_000, intervalMs: 5_000 };

export interface EndAbandonedOptions extends AbandonedPolicy {
  /** Where HAProxy listens. */
  readonly port: number;
  readonly clock: Clock;
  readonly log: Log;
  /** The text of the kernel's table, by default that of this system. */
  readonly readTable?: () => Promise<string>;
}

/**
 * Ends requests of clients of HTTP/1.1 that are gone, so that their apps hear of it, until the signal aborts. HAProxy itself cannot: who
 * waits for the answer has closed its side in just the same way (see Backend.abortOnClose). Never rejects.
 *
 * Looks are counted, not the time: clocks jump.
 */
export async function endAbandonedRequests(
  options: EndAbandonedOptions,
  running: () => RuntimeApi | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { idleMs: afterMs, intervalMs: everyMs, clock, log } = options;
  const patience = Math.max(1, Math.ceil(afterMs / everyMs));
  let watch: Tracked = new Map();
  let told = false;
  while (!signal.aborted) {
    const socket = running();
    try {
      if (socket) watch = await poll(watch, socket, { ...options, patience, signal });
    } catch (err) {
      if (!told && !signal.aborted) log.debug({ err }, 'clients that are gone could not be looked for');
      told = true;
    }
    await clock.wait(everyMs, signal).catch(() => undefined);
  }
}

interface PollOptions extends EndAbandonedOptions {
  readonly patience: number;
  readonly signal: AbortSignal;
}

async function poll(
  before: Tracked,
  socket: RuntimeApi,
  { port, patience, readTable: kernelTable = systemTable, signal }: PollOptions,
): Promise<Tracked> {
  const sessions = readSessions(await socket.send('show sess', { signal }));
  if (!sessions.some(({ backend }) => servesHttp1Clients(backend))) return new Map();
  // Only then, so that whoever is in the list and not in the table was reset.
  const table = readTcpTable(await kernelTable(), port);
  if (!table.listening) throw new Error("the kernel's table of connections does not show this port");
  const { tracked: watch, due } = trackAbandoned(before, sessions, table.peers, patience);
  for (const { key, session, known } of due) {
    const { id } = session;
    const next = updateProgress(known, readProgress(await socket.send(`show sess ${id}`, { signal }), session));
    if (next) watch.set(key, next);
    else {
      watch.delete(key);
      await expectReply(socket, `shutdown session ${id}`, /^$|^No such session/, { signal });
    }
  }
  return watch;
}

/** Of IPv4 and of IPv6, which a kernel may lack. */
async function systemTable(): Promise<string> {
  const v6 = readFile('/proc/net/tcp6', 'utf8').catch(() => '');
  return `${await readFile('/proc/net/tcp', 'utf8')}${await v6}`;
}
