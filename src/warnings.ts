import type { Log } from './log.ts';

/** Says each sentence once: what is true of several names, or in every round, is no news the second time. */
export function once(say: (sentence: string) => void): (sentence: string) => void {
  const said = new Set<string>();
  return (sentence) => {
    if (!said.has(sentence)) say(sentence);
    said.add(sentence);
  };
}

/** Says what is wrong with a subject whenever it is found, or with undefined that it is right. */
export type WarnOf = (subject: string, sentence: string | undefined) => void;

/**
 * Logs a warning each time, and that it is over (`warning-over`) once the subject is right again, so that the status shows
 * it for as long as it is true. `standing` holds what is wrong now, by subject.
 */
export function standingWarnings(log: Log, standing = new Map<string, string>()): WarnOf {
  return (subject, sentence) => {
    const before = standing.get(subject);
    if (sentence !== undefined) {
      const replaces = before === undefined || before === sentence ? {} : { replaces: before };
      log.warn({ event: 'warning', subject, ...replaces }, sentence);
      standing.set(subject, sentence);
    } else if (standing.delete(subject))
      log.info({ event: 'warning-over', subject, warning: before }, `${subject}: the warning is over`);
  };
}
