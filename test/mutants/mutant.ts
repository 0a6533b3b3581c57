/** The classes of faults that the slow tests guard. */
export const classes = [
  'crash',
  'disk',
  'clock',
  'ca',
  'dns',
  'provider',
  'proxy',
  'image',
  'names',
  'takeover',
  'containers',
  'limits',
  'renewal',
] as const;

export type MutantClass = (typeof classes)[number];

/** A test that fails on a mutant. */
export interface Killer {
  /** Path of the test file in the repository. */
  readonly file: string;
  /** Title of the test, without those of its suites. Default: all tests of the file. */
  readonly test?: string;
  /**
   * For a test with many subtests: a regular expression for the beginning of the titles of the
   * subtests to run. Needs `test`.
   */
  readonly rows?: string;
}

/** A fault that a developer could introduce, and the tests that notice it. */
export interface Mutant {
  /** `<class>-<what>`; unique. */
  readonly id: string;
  readonly class: MutantClass;
  /** Path of the file to change, in the repository. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly search: string;
  readonly replace: string;
  /** Each killer suffices; the first one that fails ends the trial. */
  readonly killedBy: readonly Killer[];
  /** What goes wrong, in one sentence. */
  readonly note: string;
}
