import { IngressError } from '../errors.ts';

/** One configuration error. */
export interface Fault {
  /** The variable's name as it is set, or as it should be. */
  readonly variable: string;
  /** Completes the variable's name to a sentence: "is not set". Never contains a secret. */
  readonly problem: string;
  /** What to do about it, with an example. */
  readonly fix: string;
  /** For something missing: the variables of which any one would do. */
  readonly missing?: readonly string[];
}

/** CONFIG_INVALID with all faults at once. The program exits with 78, EX_CONFIG of sysexits.h. */
export class ConfigError extends IngressError {
  readonly faults: readonly Fault[];
  /** What else the operator should know. */
  readonly warnings: readonly string[];

  constructor(faults: readonly Fault[], warnings: readonly string[] = []) {
    super('CONFIG_INVALID', faults.map(({ variable, problem }) => `${variable} ${problem}`).join('; '), {
      details: { faults },
    });
    this.faults = faults;
    this.warnings = warnings;
  }
}

/** The faults as text for a terminal. */
export function describeFaults({
  faults,
  warnings,
}: {
  readonly faults: readonly Fault[];
  readonly warnings: readonly string[];
}): string {
  const title =
    faults.length === 1 ? 'The configuration has 1 error:' : `The configuration has ${faults.length} errors:`;
  const items = faults.map(({ variable, problem, fix }) => `  ${variable} ${problem}\n    -> ${fix}`);
  const aside =
    warnings.length === 0 ? [] : [['Warnings:', ...warnings.map((words) => `  ${words}`)].join('\n')];
  const end = 'Nothing was started and nothing was written. docs/configuration.md lists every variable.\n';
  return [title, ...items, ...aside, end].join('\n\n');
}
