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
