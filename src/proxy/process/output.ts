import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { Mutex } from '../../async.ts';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import { type ConnectionFailure, readFailure } from './failure.ts';
import { createFailureLog } from './failure-log.ts';
import type { RefineFailure } from './oversized-headers.ts';

/** A line of HAProxy's output. */
export interface OutputLine {
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  readonly text: string;
}

const DIAGNOSTICS = { ALERT: 'error', WARNING: 'warn', NOTICE: 'debug', DIAG: 'debug' } as const;
type Diagnostic = keyof typeof DIAGNOSTICS;

/**
 * Messages that follow from what the control plane does: start without certificates, enable and
 * disable servers, stop.
 */
const ROUTINE = [
  /no SSL certificate specified for bind/,
  // The control plane itself reports which address of an app answers.
  /^Server \S+ (is|was) /,
  /^(Proxy|Stopping) .*(stopped|in \d+ ms)/,
  // HAProxy 3.4 warns even where chroot is not permitted.
  /HAProxy was started as root without any 'chroot' directive/,
  // The control plane reports it once, with the consequence for MAXCONN.
  /Cannot raise FD limit/,
  /FD limit .* too low for maxconn/,
];

/**
 * Reads one line of HAProxy's output: `[ALERT] (123) : …` is a diagnostic, `<6>…` a log line with
 * its syslog severity. Anything else (about a configuration, a crash) has the level info.
 */
export function readOutputLine(line: string): OutputLine {
  const { level, text } = withLevel(line);
  return { level: ROUTINE.some((pattern) => pattern.test(text)) ? 'debug' : level, text };
}

function withLevel(line: string): OutputLine {
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

/** The latest output, for the error that may follow. */
export interface Output {
  /** The latest alerts in one line; empty if there were none. */
  alerts(): string;
}

const KEPT_ALERTS = 10;

/**
 * Logs HAProxy's output streams line by line until they end, and calls `onFailure` with each
 * failure once it is refined.
 */
export function logOutput(
  streams: readonly Readable[],
  log: Log,
  clock: Clock,
  onFailure: (failure: ConnectionFailure) => void = () => undefined,
  refine: RefineFailure = async (failure) => failure,
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
        const handle = async () => {
          const refined = await refine(failure, text);
          failures.add(refined);
          onFailure(refined);
        };
        mutex
          .run(handle)
          .catch((err: unknown) => log.error({ err }, 'a connection failure could not be logged'));
      } else log[level](text);
      if (!line.startsWith('[ALERT]')) return;
      alerts.push(text);
      if (alerts.length > KEPT_ALERTS) alerts.shift();
    });
  }
  return { alerts: () => alerts.join(' ') };
}
