import pino from 'pino';
import { IngressError } from './errors.ts';
import { messageFor } from './event-messages.ts';
import type { CertificateNames, Subscriber } from './events.ts';

/** The structured log: one event, one line of JSON on standard output. */
export type Log = pino.Logger;

/**
 * The fields of a log line about something thrown: the code, message, hint and causes of our own errors; a stack trace
 * only of others.
 */
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

/** Opens the log, which writes lines of this level and above. */
export function createLog(level: pino.LevelWithSilent): Log {
  const destination = pino.destination({ fd: 1, sync: true });
  // A full disk behind standard output must not stop the ingress.
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

/** Writes each event as a line, with the names of the certificate that it is about. */
export function logEvents(log: Log): Subscriber {
  const logs = new WeakMap<CertificateNames, Log>();
  const logFor = (names: CertificateNames): Log => {
    const known = logs.get(names);
    if (known) return known;
    const [domain, ...others] = names;
    const made = log.child(others.length > 0 ? { domain, names } : { domain });
    logs.set(names, made);
    return made;
  };
  return (event) => {
    const { level, loggedAs, isWarning, fields, sentence } = messageFor(event);
    const names = 'certificate' in event ? event.certificate : undefined;
    const line = {
      event: isWarning ? 'warning' : (loggedAs ?? event.type),
      ...(loggedAs === undefined ? {} : { renamed: event.type }),
      ...fields(event),
    };
    const target = names === undefined ? log : logFor(names);
    target[typeof level === 'function' ? level(event) : level](line, sentence(event));
  };
}
