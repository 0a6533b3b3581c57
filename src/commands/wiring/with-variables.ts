import type { ServedName } from '../../config/served-names.ts';
import { baseName } from '../../dns/name.ts';
import type { DnsProvider } from '../../dns/provider.ts';
import { IngressError, isIngressError } from '../../errors.ts';

/**
 * A provider whose hints start with the variable that contains the name, if a misspelt name may be
 * the cause.
 */
export function withVariables(provider: DnsProvider, served: readonly ServedName[]): DnsProvider {
  const { name, capabilities } = provider;
  return {
    name,
    capabilities,
    async zone(fqdn, signal) {
      try {
        return await provider.zone(fqdn, signal);
      } catch (thrown) {
        throw withVariable(thrown, fqdn, served);
      }
    },
    records: (zone, names, signal) => provider.records(zone, names, signal),
    apply: (zone, changes, signal) => provider.apply(zone, changes, signal),
    ...(provider.settled ? { settled: async (zone, signal) => provider.settled?.(zone, signal) } : {}),
    check: (signal) => provider.check(signal),
  };
}

function withVariable(thrown: unknown, fqdn: string, served: readonly ServedName[]): unknown {
  if (!isIngressError(thrown) || thrown.details['nameInDoubt'] !== true) return thrown;
  const found = served.find(({ name }) => baseName(name) === fqdn);
  if (found === undefined) return thrown;
  const { code, message, fix, retryable, cause } = thrown;
  const { nameInDoubt: _, ...details } = thrown.details;
  const hint = `Check ${found.variable}: is ${found.name} correct? ${fix}`;
  return new IngressError(code, message, { hint, retryable, details, cause });
}
