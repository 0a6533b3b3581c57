import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { Mutex } from '../../async.ts';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import { type ConnectionFailure, readFailure } from './failure.ts';
import { createFailureLog } from './failure-log.ts';
import type { RefineFailure } from './oversized-headers.ts';

export interface OutputLine {
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  readonly text: string;
}

const DIAGNOSTICS = { ALERT: 'error', WARNING: 'warn', NOTICE: 'debug', DIAG: 'debug' } as const;
type Diagnostic = keyof typeof DIAGNOSTICS;

/** What HAProxy says because of what we do: starting without certificates, using servers and leaving them, stopping. */
const ROUTINE = [
  /no SSL certificate specified for bind/,
  // Which address of an app answers is said by the control plane.
  /^Server \S+ (is|was) /,
  /^(Proxy|Stopping) .*(stopped|in \d+ ms)/,
  // Where we may not: HAProxy 3.4.
  /HAProxy was started as root without any 'chroot' directive/,
  // Said again in one line of our own, with what it means for MAXCONN.
  /Cannot raise FD limit/,
  /FD limit .* too low for maxconn/,
];

/**
 * One line of HAProxy's output: `[ALERT] (123) : …` is what it says about itself, `<6>…` is its log with a syslog
 * severity, anything else (its words about a configuration, a crash) is passed on.
 */
export function readOutputLine(line: string): OutputLine {
  const { level, text } = sorted(line);
  return { level: ROUTINE.some((pattern) => pattern.test(text)) ? 'debug' : level, text };
}

function sorted(line: string): OutputLine {
  const [, kind, diagnostic] = /^\[(\w+)\]\s*(?:\S+\s+)?\(\d+\) : (.*)$/.exec(line) ?? [];
  if (isDiagnostic(kind)) return { level: DIAGNOSTICS[kind], text: diagnostic ?? '' };
  const [, severity, message] = /^<([0-7])>(.*)$/.exec(line) ?? [];
  if (severity !== undefined) return { level: levelOf(Number(severity)), text: message ?? '' };
  return { level: 'info', text: line };
}

function isDiagnostic(word: string | undefined): word is Diagnostic {
  return word !== undefined && Object.hasOwn(DIAGNOSTICS, word);
}

/** RFC 5424 §6.2.1. */
function levelOf(severity: number): OutputLine['level'] {
  if (severity <= 3) return 'error';
  if (severity === 4) return 'warn';
  return severity <= 6 ? 'info' : 'debug';
}

/** What was said lately, for the error that may follow. */
export interface Output {
  /** The latest alerts in one line; empty when there were none. */
  alerts(): string;
}

const KEPT_ALERTS = 10;

/** Logs streams of HAProxy's line by line until they end, and tells of each failure, once it is explained. */
export function logOutput(
  streams: readonly Readable[],
  log: Log,
  clock: Clock,
  onFailure: (failure: ConnectionFailure) => void = () => undefined,
  explain: RefineFailure = async (failure) => failure,
): Output {
  const alerts: string[] = [];
  const failures = createFailureLog(log, clock);
  // Failures keep their order.
  const mutex = new Mutex();
  for (const stream of streams) {
    createInterface({ input: stream }).on('line', (line) => {
      const { level, text } = readOutputLine(line);
      if (text.trim() === '') return;
      const failure = readFailure(text);
      if (failure) {
        const tell = async () => {
          const explained = await explain(failure, text);
          failures.add(explained);
          onFailure(explained);
        };
        mutex.run(tell).catch((err: unknown) => log.error({ err }, 'a failure could not be told'));
      } else log[level](text);
      if (!line.startsWith('[ALERT]')) return;
      alerts.push(text);
      if (alerts.length > KEPT_ALERTS) alerts.shift();
    });
  }
  return { alerts: () => alerts.join(' ') };
}
