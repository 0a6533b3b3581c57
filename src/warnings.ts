import type { IngressError } from './errors.ts';
import type { Emit } from './events.ts';

/** Passes each sentence on once, however many names or reconciliations it is true of. */
export function once(warn: (sentence: string) => void): (sentence: string) => void {
  const said = new Set<string>();
  return (sentence) => {
    if (!said.has(sentence)) warn(sentence);
    said.add(sentence);
  };
}

/** Reports what is wrong with a subject each time it is checked; undefined means that nothing is. */
export type WarnOf = (subject: string, sentence: string | undefined) => void;

/**
 * Emits a warning each time, and `warning-over` once the subject is right again, so that the status shows it for as long
 * as it applies. `current` holds the warning of each subject.
 */
export function standingWarnings(emit: Emit, current = new Map<string, string>()): WarnOf {
  return (subject, sentence) => {
    const before = current.get(subject);
    if (sentence !== undefined) {
      const replaces = before === undefined || before === sentence ? {} : { replaces: before };
      emit({ type: 'warning', subject, sentence, ...replaces });
      current.set(subject, sentence);
    } else if (before !== undefined) {
      current.delete(subject);
      emit({ type: 'warning-over', subject, warning: before });
    }
  };
}

/** A warning that was given, and when, in milliseconds of the epoch. */
export interface GivenWarning {
  readonly message: string;
  readonly at: number;
}

/** Milliseconds; a little less than the hour between two reconciliations of everything. */
const AGAIN_MS = 55 * 60_000;

/**
 * Whether to warn of a fault now: when it begins, when it changes, and about every hour, but not with
 * every retry. Remembers the warning in `given`, and forgets it once the fault is gone.
 */
export function isWarningDue(
  given: Map<string, GivenWarning>,
  subject: string,
  fault: IngressError | undefined,
  now: Date,
): fault is IngressError {
  const last = given.get(subject);
  if (fault === undefined) {
    given.delete(subject);
    return false;
  }
  const { message } = fault;
  const at = now.getTime();
  // A clock that was set back must not suppress it.
  if (last?.message === message && at >= last.at && at - last.at < AGAIN_MS) return false;
  given.set(subject, { message, at });
  return true;
}
