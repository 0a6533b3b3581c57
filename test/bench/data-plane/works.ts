import { systemClock } from '../../../src/clock.ts';
import { cpuSeconds, memoryBytes, processTree } from './accounting.ts';
import type { Clients } from './clients.ts';
import type { Running } from './contender.ts';
import { inRealTime } from './real-time.ts';

/** The measured works, and how a reading is taken. */

/** One reading of one contender. */
export interface Reading {
  /** The number of connections, requests or bytes in the time; 0 if nothing is counted. */
  readonly count: number;
  /** Seconds of the client's time. */
  readonly seconds: number;
  /** Seconds of CPU time that the contender used meanwhile. */
  readonly cpuSeconds: number;
  /** Additional figures: microseconds of latency, bytes of memory. */
  readonly more: Readonly<Record<string, number>>;
  /** The negotiated group and cipher. */
  readonly agreed?: string;
}

export interface Entrant {
  readonly running: Running;
  readonly port: number;
}

export interface WorkContext {
  readonly clients: Clients;
  /** The app's parent process. */
  readonly appPid: number;
  /** Seconds of each reading. */
  readonly seconds: number;
  /** Requests per second of the latency work, the same for all contenders. */
  readonly pace: number;
}

export interface Work {
  readonly id: string;
  /** The value of `--only` that selects this work. */
  readonly group: 'requests' | 'handshakes' | 'bulk' | 'latency' | 'memory';
  /** Whether every reading needs a newly started process. */
  readonly fresh: boolean;
  read(entrant: Entrant, context: WorkContext): Promise<Reading>;
}

/** Enough to keep the proxy busy, and few enough for one client core. */
const LOOPS = 16;
const KEPT = 64;
const BULK_CONNECTIONS = 4;
const IDLE = 1_000;
const SETTLE_MS = 500;

export const works: readonly Work[] = [
  requests('requests-1-1k', '/1k', 1),
  requests('requests-1-64k', '/64k', 1),
  requests('requests-64-1k', '/1k', KEPT),
  requests('requests-64-64k', '/64k', KEPT),
  handshakes('handshakes-full', 'full', 'any'),
  handshakes('handshakes-resumed', 'resumed', 'any'),
  handshakes('handshakes-full-x25519', 'full', 'x25519'),
  handshakes('handshakes-resumed-x25519', 'resumed', 'x25519'),
  {
    id: 'bulk',
    group: 'bulk',
    fresh: false,
    read: (entrant, { clients, seconds }) =>
      accounted(entrant, async () => {
        const aim = { port: entrant.port, path: '/bulk', seconds };
        const { bytes, seconds: took } = await clients.requests(aim, BULK_CONNECTIONS);
        return { count: bytes, seconds: took, more: {} };
      }),
  },
  {
    id: 'latency',
    group: 'latency',
    fresh: false,
    read: (entrant, { clients, appPid, seconds, pace }) =>
      accounted(entrant, async () => {
        const aim = { port: entrant.port, path: '/1k', seconds };
        const said = await unhindered(entrant, appPid, () => clients.paced(aim, KEPT, pace));
        const { requests, seconds: took, delayed, p50Us, p99Us } = said;
        return { count: requests, seconds: took, more: { p50Us, p99Us, delayed, pace } };
      }),
  },
  { id: 'memory', group: 'memory', fresh: true, read: memory },
];

function requests(id: string, path: string, connections: number): Work {
  return {
    id,
    group: 'requests',
    fresh: false,
    read: (entrant, { clients, appPid, seconds }) =>
      accounted(entrant, async () => {
        const ask = () => clients.requests({ port: entrant.port, path, seconds }, connections);
        const { requests, seconds: took } = await (connections === 1
          ? unhindered(entrant, appPid, ask)
          : ask());
        return { count: requests, seconds: took, more: {} };
      }),
  };
}

/** For works that leave the cores mostly idle: other processes of the host must not delay them. */
function unhindered<Result>(
  { running }: Entrant,
  appPid: number,
  work: () => Promise<Result>,
): Promise<Result> {
  return inRealTime([...processTree(running.pid), ...processTree(appPid)], work);
}

function handshakes(id: string, kind: 'full' | 'resumed', groups: 'any' | 'x25519'): Work {
  return {
    id,
    group: 'handshakes',
    fresh: false,
    read: (entrant, { clients, seconds }) =>
      accounted(entrant, async () => {
        const aim = { port: entrant.port, path: '/tiny', seconds };
        const {
          connections,
          seconds: took,
          ...rest
        } = await clients.handshakes({ ...aim, groups }, kind, LOOPS);
        const { p50Us, p99Us, reused, group, cipher } = rest;
        const agreed = `${group}, ${cipher}`;
        return { count: connections, seconds: took, more: { p50Us, p99Us, reused }, agreed };
      }),
  };
}

/** The growth from one connection to a thousand more, in a newly started process. */
async function memory({ running, port }: Entrant, { clients }: WorkContext): Promise<Reading> {
  const aim = { port, path: '/tiny' };
  {
    await using _first = await clients.idle(aim, 1);
  }
  await systemClock.wait(SETTLE_MS);
  const before = memoryBytes(processTree(running.pid));
  await using _held = await clients.idle(aim, IDLE);
  await systemClock.wait(SETTLE_MS);
  const perThousand = memoryBytes(processTree(running.pid)) - before;
  return { count: 0, seconds: 0, cpuSeconds: 0, more: { before, perThousand } };
}

/** The contender's processes stay the same meanwhile, so that their usage can be subtracted. */
async function accounted(
  { running }: Entrant,
  work: () => Promise<Omit<Reading, 'cpuSeconds'>>,
): Promise<Reading> {
  const pids = processTree(running.pid);
  const before = cpuSeconds(pids);
  const done = await work();
  return { ...done, cpuSeconds: cpuSeconds(pids) - before };
}
