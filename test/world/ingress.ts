import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { systemErrorCode } from '../../src/errors.ts';
import { atProcessEnd } from './process-end.ts';
import type { World } from './world.ts';

export type Environment = Readonly<Record<string, string>>;

/** One parsed line of the ingress's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly event?: string };

export interface Ending {
  readonly exitCode: number | undefined;
  /** Seconds from the signal, or from the start if there was no signal. */
  readonly seconds: number;
}

/** A running ingress: the container's bundle, with an environment of its own. */
export interface Ingress extends AsyncDisposable {
  readonly pid: number;
  readonly environment: Environment;
  /** Every line of its log so far. */
  readonly log: readonly LogLine[];
  /** Output that is not log: configuration errors, and anything unexpected. */
  readonly words: readonly string[];
  /**
   * Resolves with the first matching line of this event, past or future. Rejects if the process
   * ends, or after `timeoutMs`.
   */
  seen(event: string, options?: SeenOptions): Promise<LogLine>;
  /** Sends a signal and resolves once the process has ended. */
  end(signal: NodeJS.Signals): Promise<Ending>;
  /** Sends a signal that does not end the process. */
  signal(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ending>;
  /** Process ids of the HAProxy processes that use its runtime directory. */
  haproxyPids(): number[];
}

export interface SeenOptions {
  readonly timeoutMs?: number;
  readonly fits?: (line: LogLine) => boolean;
}

export const BUNDLE = new URL('../../dist/main.js', import.meta.url).pathname;

/** The environment of an ingress for `app.<zone>` in this world, with volumes of its own. */
export async function environmentFor(world: World, changes: Environment = {}): Promise<Environment> {
  const home = await mkdtemp(join(world.directory, 'ingress-'));
  return {
    PATH: process.env['PATH'] ?? '',
    DOMAIN: `app.${world.zone}`,
    TARGET_ENDPOINT: `${world.app.address}:${world.app.port}`,
    GATEWAY_DOMAIN: world.gatewayDomain,
    CERTBOT_EMAIL: 'ops@example.test',
    CLOUDFLARE_API_TOKEN: world.cloudflare.token,
    CLOUDFLARE_BASE_URL: world.cloudflare.baseUrl,
    PORT: String(await world.freePort()),
    ACME_DIRECTORY_URL: world.pebble.directoryUrl,
    NODE_EXTRA_CA_CERTS: world.apiCaFile,
    DNS_RESOLVERS: world.dnsResolvers,
    DSTACK_SIMULATOR_ENDPOINT: world.guestAgent.socket,
    LETSENCRYPT_DIR: join(home, 'letsencrypt'),
    EVIDENCE_DIR: join(home, 'evidences'),
    RUNTIME_DIR: join(home, 'run'),
    ...changes,
  };
}

/** Starts the ingress. Disposal kills it and every HAProxy of its runtime directory. */
export function startIngress(
  environment: Environment,
  command: readonly [string, ...string[]] = [process.execPath, BUNDLE],
): Ingress {
  const [program, ...args] = command;
  const startedAt = Date.now();
  const child = execa(program, args, {
    env: environment,
    extendEnv: false,
    buffer: false,
    cleanup: false,
    forceKillAfterDelay: false,
    reject: false,
    stdin: 'ignore',
  });
  const watch = watchLog();
  const take = (line: string) => {
    if (line.startsWith('{')) watch.add(JSON.parse(line));
    else if (line !== '') watch.say(line);
  };
  createInterface({ input: child.stdout }).on('line', take);
  createInterface({ input: child.stderr }).on('line', take);
  let signalledAt: number | undefined;
  const ended = child.then(
    ({ exitCode }): Ending => ({ exitCode, seconds: (Date.now() - (signalledAt ?? startedAt)) / 1000 }),
  );
  const runtimeDir = environment['RUNTIME_DIR'] ?? '/nowhere';
  const killAll = () => {
    child.kill('SIGKILL');
    for (const pid of haproxyPids(runtimeDir)) killIfThere(pid);
  };
  const forget = atProcessEnd(killAll);

  return {
    pid: child.pid ?? 0,
    environment,
    ...watch.until(ended),
    ended,
    signal: (signal) => void child.kill(signal),
    end(signal) {
      signalledAt = Date.now();
      child.kill(signal);
      return ended;
    },
    haproxyPids: () => haproxyPids(runtimeDir),
    async [Symbol.asyncDispose]() {
      killAll();
      await ended;
      forget();
    },
  };
}

interface Watched extends Pick<Ingress, 'log' | 'words' | 'ended'> {
  readonly watchers: Set<() => void>;
}

/** The log of a running ingress, and the pending waits for a line. */
export function watchLog() {
  const log: LogLine[] = [];
  const words: string[] = [];
  const watchers = new Set<() => void>();
  const check = () => {
    for (const watcher of watchers) watcher();
  };
  return {
    add(line: LogLine): void {
      log.push(line);
      check();
    },
    say(line: string): void {
      words.push(line);
      check();
    },
    /** The log of an ingress whose end is this promise. */
    until: (ended: Promise<Ending>): Pick<Ingress, 'log' | 'words' | 'seen'> => ({
      log,
      words,
      seen: (event, options) => seen(event, options ?? {}, { log, words, watchers, ended }),
    }),
  };
}

/** Milliseconds; generous, for a busy host. */
const SEEN_MS = 60_000;

function seen(
  event: string,
  { timeoutMs = SEEN_MS, fits = () => true }: SeenOptions,
  { log, words, ended, watchers }: Watched,
): Promise<LogLine> {
  const { promise, resolve, reject } = Promise.withResolvers<LogLine>();
  const fail = (what: string) => {
    const last = [...log.slice(-8).map((line) => JSON.stringify(line)), ...words.slice(-20)].join('\n');
    reject(new Error(`the ingress ${what} without the event ${event}:\n${last}`));
  };
  const check = () => {
    const line = log.find((candidate) => candidate.event === event && fits(candidate));
    if (line) resolve(line);
  };
  const timer = setTimeout(() => fail(`still ran after ${timeoutMs} ms`), timeoutMs);
  watchers.add(check);
  check();
  void ended.then(() => fail('ended'));
  return promise.finally(() => {
    clearTimeout(timer);
    watchers.delete(check);
  });
}

/** The process may have ended already. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (thrown) {
    if (systemErrorCode(thrown) !== 'ESRCH') throw thrown;
  }
}

function haproxyPids(runtimeDir: string): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        const [program = '', ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return program.endsWith('haproxy') && args.some((argument) => argument.startsWith(runtimeDir));
      } catch {
        return false; // The process ended between the listing and the read.
      }
    })
    .map(Number);
}
