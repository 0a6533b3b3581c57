import { IngressError } from '../errors.ts';
import { type ConfigWarning, describeConfigWarning } from './warnings.ts';

/** The kind of a fault, for programs. */
export type FaultKind =
  /** Not set, and no other variable or default replaces it. */
  | 'missing'
  /** Set, but to an empty value. */
  | 'empty'
  /** Set, but without effect until another variable is set too. */
  | 'incomplete'
  /** Contradicts another variable. */
  | 'conflicting'
  /** Several values are possible, and nothing chooses one. */
  | 'ambiguous'
  /** Not in the form of its type. */
  | 'malformed'
  | 'not-a-domain-name'
  | 'not-a-number'
  | 'not-a-url'
  | 'not-an-address'
  | 'not-an-endpoint'
  /** Not `name=endpoint`, in ROUTING_MAP. */
  | 'not-an-entry'
  /** None of a fixed set of words. */
  | 'unknown-value'
  | 'unknown-scheme'
  | 'invalid-characters'
  | 'contains-credentials'
  | 'several-values'
  | 'duplicate'
  | 'out-of-range'
  | 'too-long'
  | 'too-many'
  /** A TLS target whose certificate cannot be verified. */
  | 'unverifiable'
  /** A feature that this version does not have. */
  | 'unsupported'
  /** Looks like a misspelt variable that this version does not support. */
  | 'misspelt'
  | 'unreadable-file'
  | 'empty-file'
  | 'not-a-certificate';

/** A fault of a value. */
export interface ValueFault {
  readonly kind: FaultKind;
  /** Follows the variable's name in a sentence: "is not set". Never contains a secret. */
  readonly problem: string;
  /** Replaces the fix in the table of variables if a better one is known. */
  readonly fix?: string;
  /** The parts of the sentences, for programs. Never a secret. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A value that cannot be used, as the parsers return it. */
export function invalid(
  kind: FaultKind,
  problem: string,
  details?: ValueFault['details'],
): { wrong: ValueFault } {
  return { wrong: details === undefined ? { kind, problem } : { kind, problem, details } };
}

/** One configuration error. */
export interface Fault extends ValueFault {
  /** The variable's name as it is set, or as it should be. */
  readonly variable: string;
  /** The operator's action, with an example. */
  readonly fix: string;
  /** For a missing value: the variables, any one of which would supply it. */
  readonly missing?: readonly string[];
}

/** CONFIG_INVALID with all faults at once. The program exits with 78, EX_CONFIG of sysexits.h. */
export class ConfigError extends IngressError {
  readonly faults: readonly Fault[];
  /** Warnings about the rest of the configuration. */
  readonly warnings: readonly ConfigWarning[];

  constructor(faults: readonly Fault[], warnings: readonly ConfigWarning[] = []) {
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
  readonly warnings: readonly ConfigWarning[];
}): string {
  const title =
    faults.length === 1 ? 'The configuration has 1 error:' : `The configuration has ${faults.length} errors:`;
  const items = faults.map(({ variable, problem, fix }) => `  ${variable} ${problem}\n    -> ${fix}`);
  const aside =
    warnings.length === 0
      ? []
      : [['Warnings:', ...warnings.map((warning) => `  ${describeConfigWarning(warning)}`)].join('\n')];
  const end = 'Nothing was started and nothing was written. docs/configuration.md lists every variable.\n';
  return [title, ...items, ...aside, end].join('\n\n');
}
