import type { Fault } from './faults.ts';
import { quote } from './quote.ts';
import type { Environment } from './read.ts';
import type { VariableTable } from './variable.ts';

/** The facts about a provider that the choice needs. */
export interface ProviderChoice {
  readonly name: string;
  readonly variables: VariableTable;
  /** Setting any one of these variables selects this provider. */
  readonly credentials: readonly string[];
}

/**
 * The provider that DNS_PROVIDER names, else the only one whose credentials are set, else the only
 * one with any required variable set: its faults then name the missing ones.
 */
export function chooseProvider<P extends ProviderChoice>(
  named: string | undefined,
  environment: Environment,
  providers: readonly P[],
): P | Fault {
  const supported = providers.map(({ name }) => name).join(', ');
  if (named !== undefined) {
    const chosen = providers.find(({ name }) => name === named.toLowerCase());
    const problem = `names a provider that this version does not support: ${quote(named)}`;
    const fix = `Set one of: ${supported}.`;
    return chosen ?? { variable: 'DNS_PROVIDER', kind: 'unknown-value', problem, fix };
  }
  const isSet = (variable: string) =>
    Boolean(environment[variable]?.trim() || environment[`${variable}_FILE`]?.trim());
  const detected = providers.filter(({ credentials }) => credentials.some(isSet));
  if (detected.length > 1) {
    const names = detected.map(({ name }) => name).join(', ');
    const problem = `is not set, and credentials of more than one provider are: ${names}`;
    return {
      variable: 'DNS_PROVIDER',
      kind: 'ambiguous',
      problem,
      details: { providers: detected.map(({ name }) => name) },
      fix: `Set DNS_PROVIDER (one of: ${supported}) or remove the other credentials.`,
    };
  }
  const begun = providers.filter(({ variables }) => requiredOf(variables).some(isSet));
  const [only] = detected.length > 0 ? detected : begun;
  if (only && (detected.length > 0 || begun.length === 1)) return only;
  const wanted = providers.flatMap(({ credentials }) => credentials.slice(0, 1)).join(' or ');
  const problem = "is not set, and no provider's credentials are";
  const missing = providers.flatMap(({ variables, credentials }) => [
    ...credentials,
    ...requiredOf(variables),
  ]);
  return {
    variable: 'DNS_PROVIDER',
    kind: 'missing',
    problem,
    fix: `Set ${wanted}.`,
    missing: [...new Set(missing)],
  };
}

function requiredOf(variables: VariableTable): string[] {
  return Object.values(variables)
    .filter(({ presence }) => presence === 'required')
    .map(({ name }) => name);
}
