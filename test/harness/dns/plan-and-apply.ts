import type { DnsProvider, Zone } from '../../../src/dns/provider.ts';
import { isIngressError } from '../../../src/errors.ts';
import type { DesiredRecord } from '../../../src/records/desired.ts';
import { type Plan, plan } from '../../../src/records/plan.ts';

/** The number of attempts after conflicts with another writer, as in reconcile/apply.ts. */
const ATTEMPTS = 3;

/** Reads owner names, plans the desired records and applies the plan, if it has changes. */
export async function planAndApply(
  provider: DnsProvider,
  zone: Zone,
  names: readonly string[],
  desired: readonly DesiredRecord[],
  signal: AbortSignal,
): Promise<Plan> {
  for (let attempt = 1; ; attempt += 1) {
    const planned = plan(desired, await provider.records(zone, names, signal), provider.capabilities);
    try {
      if (planned.changes.length > 0) await provider.apply(zone, planned.changes, signal);
      return planned;
    } catch (thrown) {
      if (!isIngressError(thrown, 'PROVIDER_CONFLICT') || attempt === ATTEMPTS) throw thrown;
    }
  }
}
