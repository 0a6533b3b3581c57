/**
 * The message in one situation. Tests of behaviour assert codes, events and fields; only these rows
 * assert wording.
 */
export interface WordingRow {
  /** The situation. */
  readonly when: string;
  /** Makes the sentence, or the error whose message and hint are compared. */
  readonly say: () => unknown;
  readonly message: string;
  /** Compared where it is given. */
  readonly hint?: string;
}
