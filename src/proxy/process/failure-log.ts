import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import { isRecent } from '../recent.ts';
import type { ConnectionFailure } from './failure.ts';

/** Milliseconds in which failures of one kind are logged once. */
const INTERVAL_MS = 10_000;
/**
 * How many errors are counted separately for one target and reason: clients can cause any number of
 * different ones.
 */
const MAX_ERRORS = 16;

/** Logs failures. */
export interface FailureLog {
  add(failure: ConnectionFailure): void;
}

interface Logged {
  readonly at: number;
  /** Failures since then that were not logged. */
  unlogged: number;
}

/** Keyed by HAProxy's error. */
type Errors = Map<ConnectionFailure['error'] | typeof OTHERS, Logged>;
/** The key of further errors, when there are MAX_ERRORS already. */
const OTHERS = Symbol('others');

/**
 * Limits the log by kind: target, reason and error. The first failure of a kind is logged at once.
 * While more follow, one is logged every ten seconds with the number of those in between
 * (`unsaid`): an app that is down causes a failure with every request. The name is not part of the
 * kind, because clients choose names. Failures of level debug are all logged.
 */
export function createFailureLog(log: Log, clock: Clock): FailureLog {
  const logged = new Map<string, Errors>();
  return {
    add({ level, message, ...fields }) {
      const event = 'connection-failed';
      if (level === 'debug') {
        log.debug({ event, ...fields }, message);
        return;
      }
      const reason = `${fields.target} ${fields.why}`;
      const errors: Errors = logged.get(reason) ?? new Map();
      logged.set(reason, errors);
      const now = clock.now().getTime();
      const kind = kindOf(errors, fields.error, now);
      const last = errors.get(kind);
      if (last && isRecent(last.at, INTERVAL_MS, now)) {
        last.unlogged += 1;
        return;
      }
      errors.set(kind, { at: now, unlogged: 0 });
      log[level]({ event, ...fields, ...(last?.unlogged ? { unsaid: last.unlogged } : {}) }, message);
    },
  };
}

/**
 * The key to count an error under. Once there are MAX_ERRORS, errors whose interval is over are
 * removed, and their counts added to OTHERS; if there is still no room, the error counts as one of
 * OTHERS.
 */
function kindOf(
  errors: Errors,
  error: ConnectionFailure['error'],
  now: number,
): ConnectionFailure['error'] | typeof OTHERS {
  if (errors.has(error) || errors.size < MAX_ERRORS) return error;
  const over = [...errors].filter(([kind, { at }]) => kind !== OTHERS && !isRecent(at, INTERVAL_MS, now));
  const others = errors.get(OTHERS) ?? { at: Number.NEGATIVE_INFINITY, unlogged: 0 };
  for (const [kind, { unlogged }] of over) {
    others.unlogged += unlogged;
    errors.delete(kind);
  }
  errors.set(OTHERS, others);
  return errors.size < MAX_ERRORS ? error : OTHERS;
}
