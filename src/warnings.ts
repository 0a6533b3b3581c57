import type { IngressError } from './errors.ts';
import type { Emit } from './events.ts';

/** Passes each sentence on only once, however many names or reconciliations report it. */
export function warnOnce(warn: (sentence: string) => void): (sentence: string) => void {
  const said = new Set<string>();
  return (sentence) => {
    if (!said.has(sentence)) warn(sentence);
    said.add(sentence);
  };
}

/** Reports each check of a subject: what is wrong, or undefined if nothing is. */
export type WarnOf = (subject: string, sentence: string | undefined) => void;

/**
 * Emits a warning for each report, and `warning-over` when nothing is wrong any more, so that the
 * status shows the warning for as long as it applies. `current` holds the warning of each subject.
 */
export function warningsBySubject(emit: Emit, current = new Map<string, string>()): WarnOf {
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

/** A warning that was given, and when, in milliseconds since the epoch. */
export interface GivenWarning {
  readonly message: string;
  readonly at: number;
}

/** Milliseconds; a little less than the hour between two reconciliations of everything. */
const AGAIN_MS = 55 * 60_000;

/**
 * Whether to warn of a fault now: when it begins, when it changes, and about every hour, but not
 * with every retry. Remembers the warning in `given`, and forgets it once the fault is gone.
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
