import { IngressError } from '../errors.ts';

/** One thing that is wrong with the environment. */
export interface Fault {
  /** The variable's name as it was set, or as it should be. */
  readonly variable: string;
  /** Completes the variable's name to a sentence: "is not set". Never holds a secret. */
  readonly problem: string;
  /** What to do about it, with an example. */
  readonly fix: string;
  /** Where something is missing: the variables any of which would do. */
  readonly missing?: readonly string[];
}

/** All faults at once (CONFIG_INVALID). The program ends with exit code 78, EX_CONFIG of sysexits.h. */
export class ConfigError extends IngressError {
  readonly faults: readonly Fault[];
  /** What else is worth telling the person who set the variables. */
  readonly warnings: readonly string[];

  constructor(faults: readonly Fault[], warnings: readonly string[] = []) {
    super('CONFIG_INVALID', faults.map(({ variable, problem }) => `${variable} ${problem}`).join('; '), {
      details: { faults },
    });
    this.faults = faults;
    this.warnings = warnings;
  }
}

/** The text that a person sees on the terminal. */
export function describeFaults({
  faults,
  warnings,
}: {
  readonly faults: readonly Fault[];
  readonly warnings: readonly string[];
}): string {
  const title =
    faults.length === 1
      ? 'The configuration has one fault:'
      : `The configuration has ${faults.length} faults:`;
  const items = faults.map(({ variable, problem, fix }) => `  ${variable} ${problem}\n    -> ${fix}`);
  const aside =
    warnings.length === 0 ? [] : [['Besides:', ...warnings.map((words) => `  ${words}`)].join('\n')];
  const end = 'Nothing was started and nothing was written. docs/configuration.md lists every variable.\n';
  return [title, ...items, ...aside, end].join('\n\n');
}
