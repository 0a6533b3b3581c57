import { isIngressError } from '../errors.ts';
import type { DesiredRecord } from './desired.ts';
import { type Plan, plan } from './plan.ts';
import type { DnsProvider, Zone } from './provider.ts';
import type { LiveRecord } from './record.ts';

/** What was done to a zone. */
export interface ZoneOutcome extends Plan {
  readonly live: readonly LiveRecord[];
}

/** Somebody else may write the zone between our reading and writing it; this often we start again. */
const ATTEMPTS = 3;

/**
 * Brings one zone to the desired records: reads the names, plans, applies. `desire` sees what stands now, because some
 * choices stay as they are published. Nothing is written when nothing differs. Throws what the provider throws.
 */
export async function reconcileZone(
  provider: DnsProvider,
  zone: Zone,
  names: readonly string[],
  desire: (live: readonly LiveRecord[]) => readonly DesiredRecord[],
  signal: AbortSignal,
): Promise<ZoneOutcome> {
  for (let attempt = 1; ; attempt += 1) {
    const live = await provider.records(zone, names, signal);
    const planned = plan(desire(live), live);
    try {
      if (planned.changes.length > 0) await provider.apply(zone, planned.changes, signal);
      return { ...planned, live };
    } catch (thrown) {
      if (!isIngressError(thrown, 'PROVIDER_CONFLICT') || attempt === ATTEMPTS) throw thrown;
    }
  }
}
