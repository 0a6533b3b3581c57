import pino from 'pino';
import { IngressError } from './errors.ts';
import { messageFor } from './event-messages.ts';
import type { CertificateNames, Subscriber } from './events.ts';

/** The structured log: one event, one line of JSON on standard output. */
export type Log = pino.Logger;

/**
 * The fields of a log line about a thrown value: code, message, hint and causes of an IngressError;
 * a stack trace only for other errors.
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

/**
 * Writes each event as a line, with the names of the certificate that it is about: `domain` is the
 * first of them, or the one that the event is about.
 */
export function logEvents(log: Log): Subscriber {
  return (event) => {
    const { level, loggedAs, isWarning, fields, sentence } = messageFor(event);
    const line = {
      ...('certificate' in event && event.certificate ? namesOf(event.certificate) : {}),
      event: isWarning ? 'warning' : (loggedAs ?? event.type),
      ...(loggedAs === undefined ? {} : { renamed: event.type }),
      ...fields(event),
    };
    log[typeof level === 'function' ? level(event) : level](line, sentence(event));
  };
}

function namesOf(names: CertificateNames): { domain: string; names?: CertificateNames } {
  const [domain, ...others] = names;
  return others.length > 0 ? { domain, names } : { domain };
}
