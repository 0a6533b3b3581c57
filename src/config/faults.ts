import { IngressError } from '../errors.ts';

/** One thing that is wrong with the environment. */
export interface Fault {
  /** The variable's name as it was set, or as it should be. */
  readonly variable: string;
  /** Completes the variable's name to a sentence: "is not set". Never holds a secret. */
  readonly problem: string;
  /** What to do about it, with an example. */
  readonly remedy: string;
}

/** All faults at once (CONFIG_INVALID). The program ends with exit code 78, EX_CONFIG of sysexits.h. */
export class ConfigError extends IngressError {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super('CONFIG_INVALID', faults.map(({ variable, problem }) => `${variable} ${problem}`).join('; '), {
      details: { faults },
    });
    this.faults = faults;
  }
}

/** The text that a person sees on the terminal. */
export function describeFaults(faults: readonly Fault[]): string {
  const title =
    faults.length === 1
      ? 'The configuration has one fault:'
      : `The configuration has ${faults.length} faults:`;
  const items = faults.map(({ variable, problem, remedy }) => `  ${variable} ${problem}\n    -> ${remedy}`);
  return `${title}\n\n${items.join('\n\n')}\n\nNothing was started and nothing was written. docs/configuration.md lists every variable.\n`;
}
