import type { ManagedCertificate } from './deps.ts';
import type { RenewalTask } from './renewal.ts';
import type { ObservedZone, ObservedZones } from './zones.ts';

/** Orders that are under way concurrently in a group; the next ones follow. */
export const ORDERS_AT_ONCE = 20;

/** Certificates that share zones, and these zones: what happens in one group stops nothing in another. */
export interface ZoneGroup {
  readonly certificates: readonly ManagedCertificate[];
  readonly due: readonly RenewalTask[];
  readonly zones: readonly ObservedZone[];
}

/** The connected components of certificates and zones. A zone of no certificate is a group of its own. Pure. */
export function groupsOf(
  certificates: readonly ManagedCertificate[],
  due: readonly RenewalTask[],
  { all, of }: ObservedZones,
): ZoneGroup[] {
  const groups = certificates.reduce<readonly Omit<ZoneGroup, 'due'>[]>((known, certificate) => {
    const zones = new Set(certificate.names.flatMap((name) => of.get(name) ?? []));
    const sharing = known.filter((group) => group.zones.some((zone) => zones.has(zone)));
    const joined = {
      certificates: [...sharing.flatMap((group) => group.certificates), certificate],
      zones: [...new Set([...sharing.flatMap((group) => group.zones), ...zones])],
    };
    return [...known.filter((group) => !sharing.includes(group)), joined];
  }, []);
  const ofNoName = all.filter((zone) => !groups.some(({ zones }) => zones.includes(zone)));
  return [...groups, ...ofNoName.map((zone) => ({ certificates: [], zones: [zone] }))].map((group) => ({
    ...group,
    due: due.filter(({ certificate }) => group.certificates.includes(certificate)),
  }));
}

/** The tasks in batches; one empty batch when nothing is due, so that the zones are written. Pure. */
export function batchesOf(due: readonly RenewalTask[]): (readonly RenewalTask[])[] {
  const count = Math.max(1, Math.ceil(due.length / ORDERS_AT_ONCE));
  return Array.from({ length: count }, (_, index) =>
    due.slice(index * ORDERS_AT_ONCE, (index + 1) * ORDERS_AT_ONCE),
  );
}
