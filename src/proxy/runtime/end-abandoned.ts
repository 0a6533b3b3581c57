import { readFile } from 'node:fs/promises';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import { isOfHttp1 } from '../config/backends.ts';
import { judge, review, type Watch } from './abandoned.ts';
import { expectReply } from './commands.ts';
import type { RuntimeSocket } from './runtime-api.ts';
import { readProgress, readSessions } from './sessions.ts';
import { readKernelTable } from './tcp-table.ts';

/** When a client of HTTP/1.1 that has closed its side counts as gone. */
export interface Patience {
  /** Milliseconds in which nothing moves. */
  readonly afterMs: number;
  /** Milliseconds between two looks. */
  readonly everyMs: number;
}

/**
 * Longer than apps and proxies let a stream be silent that they keep alive (15 s mostly), and than who closes its side waits for most
 * answers; short enough that the requests of clients that are gone do not fill MAXCONN.
 */
export const PATIENCE: Patience = { afterMs: 30_000, everyMs: 5_000 };

export interface LetGoOptions extends Patience {
  /** Where HAProxy listens. */
  readonly port: number;
  readonly clock: Clock;
  readonly log: Log;
  /** The text of the kernel's table, by default that of this system. */
  readonly kernelTable?: () => Promise<string>;
}

/**
 * Ends requests of clients of HTTP/1.1 that are gone, so that their apps hear of it, until the signal aborts. HAProxy itself cannot: who
 * waits for the answer has closed its side in just the same way (see Backend.abortOnClose). Never rejects.
 *
 * Looks are counted, not the time: clocks jump.
 */
export async function letGo(
  options: LetGoOptions,
  running: () => RuntimeSocket | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { afterMs, everyMs, clock, log } = options;
  const patience = Math.max(1, Math.ceil(afterMs / everyMs));
  let watch: Watch = new Map();
  let told = false;
  while (!signal.aborted) {
    const socket = running();
    try {
      if (socket) watch = await look(watch, socket, { ...options, patience, signal });
    } catch (err) {
      if (!told && !signal.aborted) log.debug({ err }, 'clients that are gone could not be looked for');
      told = true;
    }
    await clock.wait(everyMs, signal).catch(() => undefined);
  }
}

interface Look extends LetGoOptions {
  readonly patience: number;
  readonly signal: AbortSignal;
}

async function look(
  before: Watch,
  socket: RuntimeSocket,
  { port, patience, kernelTable = ownTable, signal }: Look,
): Promise<Watch> {
  const sessions = readSessions(await socket.send('show sess', { signal }));
  if (!sessions.some(({ backend }) => isOfHttp1(backend))) return new Map();
  // Only then, so that whoever is in the list and not in the table was reset.
  const table = readKernelTable(await kernelTable(), port);
  if (!table.listening) throw new Error("the kernel's table of connections does not show this port");
  const { watch, due } = review(before, sessions, table.peers, patience);
  for (const { key, session, known } of due) {
    const { id } = session;
    const next = judge(known, readProgress(await socket.send(`show sess ${id}`, { signal }), session));
    if (next) watch.set(key, next);
    else {
      watch.delete(key);
      await expectReply(socket, `shutdown session ${id}`, /^$|^No such session/, { signal });
    }
  }
  return watch;
}

/** Of IPv4 and of IPv6, which a kernel may lack. */
async function ownTable(): Promise<string> {
  const v6 = readFile('/proc/net/tcp6', 'utf8').catch(() => '');
  return `${await readFile('/proc/net/tcp', 'utf8')}${await v6}`;
}
