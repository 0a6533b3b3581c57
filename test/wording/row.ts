/**
 * A sentence that users see in one situation. Other tests assert codes, events and fields; only
 * these assert sentences.
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
