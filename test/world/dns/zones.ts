import type { PrimaryZone } from './bind-config.ts';
import { bareName } from './presentation.ts';
import type { ZoneRecord } from './publisher.ts';
import type { Delegation } from './resolver.ts';

/** The world's zones and the addresses of the two name servers, which serve all of them. */
export interface ZonesOptions {
  readonly ns1: string;
  readonly ns2: string;
  readonly zones: readonly string[];
}

/**
 * The delegations in the top-level domains: the zones that are not inside another zone of the
 * world.
 */
export function delegationsOf(options: ZonesOptions): Delegation[] {
  return primaryZones(options)
    .filter(({ name }, _, all) => !all.some((other) => name.endsWith(`.${other.name}`)))
    .map(({ name, servers }) => ({ zone: name, servers }));
}

/** Every zone with the content that both name servers have. */
export function primaryZones({ ns1, ns2, zones }: ZonesOptions): PrimaryZone[] {
  const servers = [
    { label: 'ns1', address: ns1 },
    { label: 'ns2', address: ns2 },
  ];
  return zones.map((zone): PrimaryZone => {
    const name = bareName(zone);
    const below = zones.map(bareName).filter((other) => other.endsWith(`.${name}`));
    const lines = below.flatMap((child) =>
      servers.flatMap(({ label, address }) => [
        `${child}. IN NS ${label}.${child}.`,
        `${label}.${child}. IN A ${address}`,
      ]),
    );
    return { name, servers, lines };
  });
}

/**
 * Returns the bare name of the zone. Throws if it is not one of `zones`, or the publisher may not
 * set a record.
 */
export function assertPublishable(
  zones: readonly PrimaryZone[],
  zone: string,
  records: readonly ZoneRecord[],
): string {
  const apex = bareName(zone);
  if (!zones.some(({ name }) => name === apex)) throw new Error(`${apex} is not a zone of this world`);
  for (const record of records) assertOwned(apex, record);
  return apex;
}

function assertOwned(apex: string, { name, type }: ZoneRecord): void {
  const owner = bareName(name);
  if (owner !== apex && !owner.endsWith(`.${apex}`)) throw new Error(`${owner} is not in the zone ${apex}`);
  if (owner === apex && (type === 'SOA' || type === 'NS')) {
    throw new Error(`the world owns the ${type} records of ${apex}: publish the zone without them`);
  }
}
