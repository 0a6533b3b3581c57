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
  /** Of a test with many subtests, a regular expression for the start of the titles of those to run. Needs `test`. */
  readonly rows?: string;
}

/** One fault that a developer could make, and the tests that notice it. */
export interface Mutant {
  /** `<class>-<what>`; unique. */
  readonly id: string;
  readonly class: MutantClass;
  /** Path of the file to change, in the repository. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly search: string;
  readonly replace: string;
  /** Each of these is enough; the first one that fails ends the trial. */
  readonly killedBy: readonly Killer[];
  /** What goes wrong, for a person. */
  readonly note: string;
}
