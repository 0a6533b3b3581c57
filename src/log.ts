import pino from 'pino';
import { IngressError } from './errors.ts';

/** The structured log: one event, one line of JSON on standard output. */
export type Log = pino.Logger;

/** What a log line keeps of an error: its code, sentence, hint and causes; a stack only of what is not ours. */
export function errorFields(thrown: unknown, depth = 0): Record<string, unknown> {
  if (!(thrown instanceof Error)) return { message: String(thrown) };
  const cause =
    thrown.cause === undefined || depth > 4 ? {} : { cause: errorFields(thrown.cause, depth + 1) };
  if (thrown instanceof IngressError) {
    const { code, message, hint, retryable, retryAfterMs, details } = thrown;
    const after = retryAfterMs === undefined ? {} : { retryAfterMs };
    const more = Object.keys(details).length > 0 ? { details } : {};
    return { code, message, hint, retryable, ...after, ...more, ...cause };
  }
  return { message: thrown.message, ...(depth === 0 ? { stack: thrown.stack } : {}), ...cause };
}

/**
 * Makes the log. `watch` gets every line from `info` on, whatever the level is that is written out.
 */
export function createLog(level: pino.LevelWithSilent, watch?: (line: string) => void): Log {
  // A full disk behind standard output must not end what serves.
  const destination = pino.destination({ fd: 1, sync: true });
  destination.on('error', () => undefined);
  const written = level === 'silent' ? [] : [{ level, stream: destination }];
  const watched = watch ? [{ level: 'info' as const, stream: { write: watch } }] : [];
  return pino(
    {
      level: leastSevere(level, watch === undefined ? level : 'info'),
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: errorFields },
    },
    pino.multistream([...written, ...watched]),
  );
}

function leastSevere(a: pino.LevelWithSilent, b: pino.LevelWithSilent): pino.LevelWithSilent {
  const severity = (level: pino.LevelWithSilent) =>
    level === 'silent' ? Number.POSITIVE_INFINITY : (pino.levels.values[level] ?? 0);
  return severity(a) < severity(b) ? a : b;
}
