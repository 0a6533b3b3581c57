import process from 'node:process';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { atProcessEnd } from './process-end.ts';

export interface ChildOptions {
  readonly args: readonly string[];
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Excludes it from the terminal's Ctrl-C, so that only this process ends it. */
  readonly ownGroup?: boolean;
  /** The signal that ends it when this process exits. Default: SIGKILL. */
  readonly lastSignal?: NodeJS.Signals;
  /** Receives every line as it is written. */
  readonly log?: (line: string) => void;
}

/** A running program of the world. Disposal kills it and waits for its end. */
export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** Every line so far of its standard output and standard error. */
  readonly lines: readonly string[];
  /**
   * Resolves once a line matches. Rejects with the last lines if the program ends first, or after
   * `timeoutMs`.
   */
  seen(pattern: RegExp, timeoutMs: number): Promise<void>;
  /**
   * Sends the signal, kills the program if it still runs after `timeoutMs` milliseconds, and
   * resolves once it has ended.
   */
  end(signal: NodeJS.Signals, timeoutMs: number): Promise<void>;
  /** Freezes it: its sockets stay open, and nothing responds. */
  pause(): void;
  resume(): void;
}

/**
 * Starts a program. It has no state that needs a graceful end, so SIGKILL ends it. That also
 * works on a frozen program, and when this process exits. Rejects if the program cannot be
 * started.
 */
export async function startChild(program: string, options: ChildOptions): Promise<Child> {
  const { args, env = {}, cwd = process.cwd(), ownGroup = false, lastSignal = 'SIGKILL', log } = options;
  const subprocess = execa(program, args, {
    cwd,
    env,
    all: true,
    buffer: false,
    cleanup: false,
    detached: ownGroup,
    reject: false,
    stdin: 'ignore',
  });
  const { pid } = subprocess;
  if (pid === undefined) throw new Error(`${program} could not be started`, { cause: await subprocess });
  const forget = atProcessEnd(() => subprocess.kill(lastSignal));
  const ended = subprocess.then((result) => {
    forget();
    return result;
  });
  const lines: string[] = [];
  const watchers = new Set<() => void>();
  createInterface({ input: subprocess.all }).on('line', (line) => {
    lines.push(line);
    log?.(line);
    for (const check of watchers) check();
  });

  const seen = (pattern: RegExp, timeoutMs: number): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const fail = (what: string) => reject(new Error(`${program} ${what}:\n${lines.slice(-20).join('\n')}`));
    let looked = 0;
    const check = () => {
      for (; looked < lines.length; looked += 1) if (pattern.test(lines[looked] ?? '')) resolve();
    };
    const timer = setTimeout(() => fail(`did not print ${pattern} within ${timeoutMs} ms`), timeoutMs);
    watchers.add(check);
    check();
    void ended.then(() => fail('ended'));
    return promise.finally(() => {
      clearTimeout(timer);
      watchers.delete(check);
    });
  };

  return {
    pid,
    lines,
    seen,
    async end(signal, timeoutMs) {
      subprocess.kill(signal);
      const timer = setTimeout(() => subprocess.kill('SIGKILL'), timeoutMs);
      await ended;
      clearTimeout(timer);
    },
    pause: () => void subprocess.kill('SIGSTOP'),
    resume: () => void subprocess.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      subprocess.kill('SIGKILL');
      await ended;
    },
  };
}
