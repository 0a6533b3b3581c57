import type { Settings, VariableTable } from '../../src/config/variable.ts';
import type { DnsProvider } from '../../src/dns/provider.ts';
import type { ProviderContext } from './context.ts';

/** What the registry knows about a provider before its settings are read. */
export interface ProviderDefinition {
  /** The value of DNS_PROVIDER that selects it. */
  readonly name: string;
  /** Its name in messages and documents. */
  readonly title: string;
  /** Its rows of the table of variables. */
  readonly variables: VariableTable;
  /** The environment variables any of which selects this provider when it is set. */
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
    // The registry passes exactly what was read by `definition.variables`.
    open: (settings, context) => definition.open(settings as Settings<T>, context),
  };
}
