import { type ChildProcess, execFile } from 'node:child_process';
import { type LookupAddress, promises as nodeDns } from 'node:dns';
import { isIP } from 'node:net';
import process from 'node:process';

/**
 * Every address of a host by the system's resolver, /etc/hosts and search domains included. Rejects
 * when there is none.
 */
export type Lookup = (host: string, signal?: AbortSignal) => Promise<readonly LookupAddress[]>;

/**
 * glibc's resolver gives up sooner, unless many servers do not answer and there are many search
 * domains.
 */
const LIMIT_MS = 30_000;
/**
 * glibc's resolver waits at least this long for a resolver, so a lookup that fails sooner was
 * answered.
 */
const SHORTEST_SILENCE_MS = 1_000;

/** getent's exit code when it finds no address. */
const NOT_FOUND = 2;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * Asks the system's resolver (getaddrinfo) in a process of its own, `getent ahosts`, which ends
 * after 30 seconds or when the signal aborts. In this process the call would occupy one of the two
 * threads that libuv has for it and could not be interrupted: two names whose name servers do not
 * answer would block every other lookup, and the exit of the program.
 *
 * Rejects with an error that looks like that of `dns.lookup`, or with the signal's reason.
 */
export async function systemLookup(
  host: string,
  signal?: AbortSignal,
  limitMs = LIMIT_MS,
): Promise<readonly LookupAddress[]> {
  signal?.throwIfAborted();
  const begun = performance.now();
  const { promise, resolve, reject } = Promise.withResolvers<LookupAddress[]>();
  const child = execFile(
    'getent',
    ['ahosts', '--', host],
    { env: environment(), timeout: limitMs, killSignal: 'SIGKILL', signal },
    (error, stdout) => {
      running.delete(child);
      const addresses = parseAddresses(stdout);
      if (signal?.aborted) reject(signal.reason);
      else if (error?.code === 'ENOENT') resolve(nodeDns.lookup(host, { all: true }));
      else if (error && error.code !== NOT_FOUND && !error.killed) reject(error);
      else if (addresses.length > 0) resolve(addresses);
      else
        void whyNone(host, performance.now() - begun, signal).then((code) =>
          reject(signal?.aborted ? signal.reason : notFound(host, code)),
        );
    },
  );
  running.add(child);
  return promise;
}

/**
 * The addresses in what `getent ahosts` prints: a line for each address and socket type, in the
 * order of getaddrinfo. Pure.
 */
export function parseAddresses(output: string): LookupAddress[] {
  const addresses = new Set(output.split('\n').map((line) => line.split(/\s/, 1)[0] ?? ''));
  return [...addresses].flatMap((address) => {
    const family = isIP(address);
    return family === 0 ? [] : [{ address, family }];
  });
}

/** Only the variables that the resolver reads. */
function environment(): NodeJS.ProcessEnv {
  const { PATH = '/usr/bin:/bin', LOCALDOMAIN, RES_OPTIONS } = process.env;
  return { PATH, ...(LOCALDOMAIN && { LOCALDOMAIN }), ...(RES_OPTIONS && { RES_OPTIONS }) };
}

type Code = 'ENOTFOUND' | 'EAI_AGAIN';

/**
 * getent does not say why it found no address. After this time, no resolver has answered; sooner,
 * the answer was either "no such name" or a failure (SERVFAIL, REFUSED). bash makes the same lookup
 * again and prints the reason (gai_strerror). On a host without bash, a quick answer counts as "no
 * such name".
 */
function whyNone(host: string, afterMs: number, signal?: AbortSignal): Promise<Code> {
  if (afterMs >= SHORTEST_SILENCE_MS) return Promise.resolve('EAI_AGAIN');
  return new Promise((resolve) => {
    const env = { ...environment(), LC_ALL: 'C' };
    const options = { env, timeout: SHORTEST_SILENCE_MS, killSignal: 'SIGKILL' as const, signal };
    const child = execFile('bash', ['-c', ': <"/dev/tcp/$0/0"', host], options, (error, _, stderr) => {
      running.delete(child);
      const none = /Name or service not known|No address associated/.test(stderr);
      resolve(none || error?.code === 'ENOENT' ? 'ENOTFOUND' : 'EAI_AGAIN');
    });
    running.add(child);
  });
}

/**
 * The error of `dns.lookup` for a host without an address (ENOTFOUND), or when the resolver could
 * not tell (EAI_AGAIN). Pure.
 */
export function notFound(host: string, code: Code = 'ENOTFOUND'): NodeJS.ErrnoException {
  const facts = { code, syscall: 'getaddrinfo', hostname: host };
  return Object.assign(new Error(`getaddrinfo ${code} ${host}`), facts);
}
