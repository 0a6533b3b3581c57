/** What a person is told in one situation. Behaviour is asserted by codes, events and fields; words only here. */
export interface WordingRow {
  /** The situation. */
  readonly when: string;
  /** Makes the sentence, or the error whose message and hint are compared. */
  readonly say: () => unknown;
  readonly message: string;
  /** Compared where it is given. */
  readonly hint?: string;
}
