import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Failure } from './failure.ts';

/** Milliseconds in which failures of one kind are one line. */
const QUIET_MS = 10_000;

/** Logs failures. */
export interface FailureLog {
  add(failure: Failure): void;
}

interface Said {
  readonly at: number;
  unsaid: number;
}

/**
 * The first failure of a kind (the same app, for the same reason) is logged at once; while more of them come, one every ten
 * seconds is, with the number of those between: an app that is down fails as often as clients ask. The name is not part of the
 * kind, since under a wildcard clients make names up. What clients do every day is logged on the level debug.
 */
export function createFailureLog(log: Log, clock: Clock): FailureLog {
  const said = new Map<string, Said>();
  return {
    add({ level, sentence, ...fields }) {
      const event = 'connection-failed';
      if (level === 'debug') {
        log.debug({ event, ...fields }, sentence);
        return;
      }
      const kind = `${fields.target} ${fields.why}`;
      const now = clock.now().getTime();
      const last = said.get(kind);
      if (last && now - last.at < QUIET_MS) {
        last.unsaid += 1;
        return;
      }
      said.set(kind, { at: now, unsaid: 0 });
      log[level]({ event, ...fields, ...(last?.unsaid ? { unsaid: last.unsaid } : {}) }, sentence);
    },
  };
}
