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

export function createLog(level: pino.LevelWithSilent): Log {
  // A full disk behind standard output must not end what serves.
  const destination = pino.destination({ fd: 1, sync: true });
  destination.on('error', () => undefined);
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: errorFields },
    },
    destination,
  );
}
