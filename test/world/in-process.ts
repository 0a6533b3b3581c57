import { AsyncLocalStorage } from 'node:async_hooks';
import { readFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { createServer } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  createSecureContext,
  getCACertificates,
  type SecureContext,
  setDefaultCACertificates,
} from 'node:tls';
import pino from 'pino';
import { type Clock, systemClock } from '../../src/clock.ts';
import { EX_CONFIG } from '../../src/commands/command-line.ts';
import { assembleDeps, reconcileTimeoutMs } from '../../src/commands/wiring/assemble.ts';
import { readConfig } from '../../src/commands/wiring/configuration.ts';
import { Stopped } from '../../src/commands/wiring/signals.ts';
import { removeTemporaryFiles } from '../../src/commands/wiring/temporary-files.ts';
import { emitTo } from '../../src/events.ts';
import { errorFields, logEvents } from '../../src/log.ts';
import { runController } from '../../src/reconcile/controller.ts';
import { manageCertificate } from '../../src/reconcile/deps.ts';
import { reconcile } from '../../src/reconcile/reconcile.ts';
import { warningsBySubject } from '../../src/warnings.ts';
import { createBegin } from './faults/preload/begin.ts';
import { watchFiles } from './faults/preload/files.ts';
import type { Actor, Begin } from './faults/preload/outside.ts';
import { watchRequests } from './faults/preload/requests.ts';
import { type Ending, type Environment, type Ingress, type LogLine, watchLog } from './ingress.ts';
import { type OpenServer, openServer } from './open-server.ts';

/** Waits up to LONGEST_SHORTENED_MS take 1/SPEED of their time; the clock advances by the rest. */
const SPEED = 20;
const LONGEST_SHORTENED_MS = 3_600_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** A shorter duration is not a time limit. */
const LEAST_HASTENED_MS = 1000;
/** The real duration of a wait for the wall clock's minute. */
const MINUTE_MS = 60_000 / SPEED / 4;

export interface InProcessOptions {
  /**
   * The factor by which the time limits of its requests, those of a second and more, are shortened.
   * Default: 1, the real limits.
   */
  readonly haste?: number;
  /**
   * Called with the number of milliseconds each time the clock advances ahead of this process's
   * clock.
   */
  readonly leaps?: (ms: number) => void;
}

/** One run of the program inside this process. */
interface Run extends Actor {
  dead: boolean;
  readonly haste: number;
}

const runs = new AsyncLocalStorage<Run>();
const never = () => new Promise<never>(() => undefined);
let watched: Promise<void> | undefined;

/**
 * Runs the program inside this process, on the same environment as startIngress: its complete
 * composition, except that a server that presents the installed certificates replaces HAProxy. The
 * environment defines faults and crashes (see fault-points.ts and clock-jump.ts). A crash stops the
 * run: none of its file system calls returns any more, and it sends no more requests. Waits on its
 * clock are short in reality, and its clock advances by the rest. Request timeouts are real.
 */
export function startInProcess(
  environment: Environment,
  { leaps = () => undefined, haste = 1 }: InProcessOptions = {},
): Ingress {
  const stop = new AbortController();
  const demands = new Set<() => void>();
  const watch = watchLog();
  const ended = Promise.withResolvers<Ending>();
  const startedAt = Date.now();
  let signalledAt: number | undefined;
  const conclude = (exitCode: number | undefined) =>
    ended.resolve({ exitCode, seconds: (Date.now() - (signalledAt ?? startedAt)) / 1000 });
  const begin = createBegin(environment);
  const front = createFront(environment);
  const opened = new Set<FileHandle>();
  const die = () => {
    if (!run.dead) {
      run.dead = true;
      for (const file of opened) closeFor(file);
      void front.close().then(() => conclude(undefined));
    }
    return never();
  };
  const run: Run = {
    root: environment['LETSENCRYPT_DIR'] ?? '',
    begin: beginOf(begin, () => run.dead),
    die,
    opened(file) {
      // node:fs opens a numeric descriptor, which its caller closes.
      if (typeof file !== 'object') return;
      const handle = file as FileHandle;
      if (run.dead) closeFor(handle);
      else opened.add(handle);
    },
    dead: false,
    haste,
  };
  const clock = clockOf(environment, run, leaps);
  const take = (line: string) => {
    // As written by pino, but with the time of the run's own clock.
    if (!run.dead) watch.add({ ...(JSON.parse(line) as LogLine), time: clock.now().toISOString() });
  };
  const work = async () => {
    watched ??= watchAll();
    await watched;
    trust(environment);
    return runs.run(run, () => compose({ environment, clock, take, front, demands }, stop.signal));
  };
  void work().then(
    async (exitCode) => {
      await front.close();
      if (!run.dead) conclude(exitCode);
    },
    (thrown: unknown) => {
      watch.say(String(thrown instanceof Error ? thrown.stack : thrown));
      conclude(1);
    },
  );
  const signal = (name: NodeJS.Signals) => {
    if (name === 'SIGHUP') for (const demand of demands) demand();
    else if (name === 'SIGKILL') void die();
    else stop.abort(new Stopped(name));
  };
  const { seen, log, words } = watch.until(ended.promise);
  return {
    pid: 0,
    environment,
    ...{ log, words, seen, signal },
    ended: ended.promise,
    end(name) {
      signalledAt = Date.now();
      signal(name);
      return ended.promise;
    },
    haproxyPids: () => [],
    async [Symbol.asyncDispose]() {
      void die();
      await ended.promise;
    },
  };
}

interface Composition {
  readonly environment: Environment;
  readonly clock: Clock;
  readonly take: (line: string) => void;
  readonly front: Front;
  readonly demands: Set<() => void>;
}

/** The composition of src/commands/run.ts. */
async function compose(
  { environment, clock, take, front, demands }: Composition,
  stopped: AbortSignal,
): Promise<number> {
  const config = readConfig(environment);
  if (config === undefined) return EX_CONFIG;
  const emit = emitTo(logEvents(logTo(take)));
  await front.open(config.port);
  void removeTemporaryFiles(config, { emit, clock });
  const warnOf = warningsBySubject(emit);
  const deps = assembleDeps(config, { clock, serve: front.serve, emit, warnOf });
  await runController(
    {
      certificates: config.certificates.map(({ names }) => manageCertificate(names)),
      reconcile: (some, signal) => reconcile(deps, some, signal),
      timeoutMs: reconcileTimeoutMs(config, deps),
      intervalMs: config.renewInterval * 1000,
      everyMinute(tick) {
        const timer = setInterval(tick, MINUTE_MS).unref();
        return () => clearInterval(timer);
      },
      onDemand(due) {
        demands.add(due);
        return () => void demands.delete(due);
      },
      onFinished: () => undefined,
      random: Math.random,
      ...{ clock, emit },
    },
    stopped,
  );
  return 0;
}

/** Closes a file as the kernel does when a process ends. */
function closeFor(file: FileHandle): void {
  file.close().catch(() => undefined);
}

/** createLog, but into a function. */
function logTo(write: (line: string) => void): pino.Logger {
  return pino({ level: 'info', base: null, serializers: { err: errorFields } }, { write });
}

async function watchAll(): Promise<void> {
  await watchFiles(() => runs.getStore());
  watchRequests(() => runs.getStore());
  const { timeout } = AbortSignal;
  AbortSignal.timeout = (ms) => timeout.call(AbortSignal, hastened(ms));
  const { wait } = systemClock;
  // The system clock times out the DNS queries of the run.
  Object.assign(systemClock, { wait: (ms: number, signal?: AbortSignal) => wait(hastened(ms), signal) });
}

function hastened(ms: number): number {
  const { haste } = runs.getStore() ?? { haste: 1 };
  return ms < LEAST_HASTENED_MS ? ms : Math.ceil(ms / haste);
}

function beginOf(begin: Begin | undefined, isDead: () => boolean): Begin {
  return (...act) => (isDead() ? 'kill-before' : begin?.(...act));
}

/** The time of this process, plus CLOCK_OFFSET_FILE, plus the waits that were skipped. */
function clockOf({ CLOCK_OFFSET_FILE: file }: Environment, run: Run, leaps: (ms: number) => void): Clock {
  let ahead = 0;
  const leap = (ms: number) => {
    ahead += ms;
    leaps(ms);
  };
  return {
    now: () => new Date(Date.now() + ahead + (file === undefined ? 0 : Number(readFileSync(file, 'utf8')))),
    async wait(ms, signal) {
      signal?.throwIfAborted();
      const speed = ms >= LONGEST_SHORTENED_MS ? 1 : SPEED;
      const begun = performance.now();
      try {
        const options = { ref: !run.dead, ...(signal ? { signal } : {}) };
        await sleep(Math.min(ms / speed, LONGEST_TIMER_MS), undefined, options);
      } catch (thrown) {
        signal?.throwIfAborted();
        throw thrown;
      } finally {
        if (!run.dead) leap(Math.min(performance.now() - begun, ms / speed) * (speed - 1));
      }
      if (run.dead) return never();
      return undefined;
    },
  };
}

const trusted = new Set<string>();

/** Trusts the CAs of the file, as Node.js does at its start. */
function trust({ NODE_EXTRA_CA_CERTS: path }: Environment): void {
  if (path === undefined || trusted.has(path)) return;
  trusted.add(path);
  setDefaultCACertificates([...getCACertificates('default'), readFileSync(path, 'utf8')]);
}

/** The replacement for HAProxy. */
interface Front {
  open(port: number): Promise<void>;
  readonly serve: Parameters<typeof assembleDeps>[1]['serve'];
  close(): Promise<void>;
}

function createFront(_: Environment): Front {
  const contexts = new Map<string, SecureContext>();
  let server: OpenServer | undefined;
  return {
    async open(port) {
      const listener = createServer(
        {
          SNICallback: (name, done) => {
            const [, ...above] = name.split('.');
            const context = contexts.get(name) ?? contexts.get(`*.${above.join('.')}`);
            if (context) done(null, context);
            else done(new Error(`no certificate for ${name}`));
          },
        },
        (_request, response) => response.end('the app'),
      );
      server = await openServer(listener, { host: '127.0.0.1', port });
    },
    async serve(domain, { chainPem, keyPem }) {
      contexts.set(domain, createSecureContext({ cert: chainPem, key: keyPem.reveal() }));
    },
    async close() {
      const open = server;
      server = undefined;
      await open?.[Symbol.asyncDispose]();
    },
  };
}
