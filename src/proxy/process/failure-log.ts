import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import { within } from '../within.ts';
import type { ConnectionFailure } from './failure.ts';

/** Milliseconds in which failures of one kind are one line. */
const QUIET_MS = 10_000;
/** Kinds of one app and reason at a time: what went wrong is also what clients make of it. */
const MOST_ERRORS = 16;

/** Logs failures. */
export interface FailureLog {
  add(failure: ConnectionFailure): void;
}

interface Said {
  readonly at: number;
  unsaid: number;
}

/** By the error in HAProxy's words. */
type Errors = Map<ConnectionFailure['error'] | typeof REST, Said>;
/** Further ones, when there are MOST_ERRORS already. */
const REST = Symbol('rest');

/**
 * The first failure of a kind (the same app, for the same reason, with the same error) is logged at once; while more of them
 * come, one every ten seconds is, with the number of those between: an app that is down fails as often as clients ask. The name
 * is not part of the kind, since clients make names up. What clients do every day is logged on the level debug.
 */
export function createFailureLog(log: Log, clock: Clock): FailureLog {
  const said = new Map<string, Errors>();
  return {
    add({ level, message: sentence, ...fields }) {
      const event = 'connection-failed';
      if (level === 'debug') {
        log.debug({ event, ...fields }, sentence);
        return;
      }
      const reason = `${fields.target} ${fields.why}`;
      const errors: Errors = said.get(reason) ?? new Map();
      said.set(reason, errors);
      const now = clock.now().getTime();
      const kind = kindOf(errors, fields.error, now);
      const last = errors.get(kind);
      if (last && within(QUIET_MS, last.at, now)) {
        last.unsaid += 1;
        return;
      }
      errors.set(kind, { at: now, unsaid: 0 });
      log[level]({ event, ...fields, ...(last?.unsaid ? { unsaid: last.unsaid } : {}) }, sentence);
    },
  };
}

/** Makes room for an error by giving up those that are over, whose number the rest keeps; without room it is one of the rest. */
function kindOf(errors: Errors, error: ConnectionFailure['error'], now: number): ConnectionFailure['error'] | typeof REST {
  if (errors.has(error) || errors.size < MOST_ERRORS) return error;
  const over = [...errors].filter(([kind, { at }]) => kind !== REST && !within(QUIET_MS, at, now));
  const rest = errors.get(REST) ?? { at: Number.NEGATIVE_INFINITY, unsaid: 0 };
  for (const [kind, { unsaid }] of over) {
    rest.unsaid += unsaid;
    errors.delete(kind);
  }
  errors.set(REST, rest);
  return errors.size < MOST_ERRORS ? error : REST;
}
