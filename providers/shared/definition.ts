import type { Settings, VariableTable } from '../../src/config/variable.ts';
import type { DnsProvider } from '../../src/dns/provider.ts';
import type { ProviderContext } from './context.ts';

/** What the registry knows of a provider before its settings are read. */
export interface ProviderDefinition {
  /** As DNS_PROVIDER names it. */
  readonly name: string;
  /** As a person calls it. */
  readonly title: string;
  /** Its rows of the table of variables. */
  readonly variables: VariableTable;
  /** The variables (by environment name) any of which, when set, say that this provider is meant. */
  readonly credentials: readonly string[];
  /** Makes the provider from the settings that `variables` describes. No I/O. */
  open(settings: Settings<VariableTable>, context: ProviderContext): DnsProvider;
}

interface Definition<T extends VariableTable> extends Omit<ProviderDefinition, 'open' | 'variables'> {
  readonly variables: T;
  open(settings: Settings<T>, context: ProviderContext): DnsProvider;
}

/** Declares a provider; its settings are typed by its own table. */
export function defineProvider<T extends VariableTable>(definition: Definition<T>): ProviderDefinition {
  return {
    ...definition,
    // The registry hands back exactly what was read from `definition.variables`.
    open: (settings, context) => definition.open(settings as Settings<T>, context),
  };
}
