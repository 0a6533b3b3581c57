import type { PrimaryZone } from './bind-config.ts';
import { bareName } from './presentation.ts';
import type { ZoneRecord } from './publisher.ts';
import type { Delegation } from './resolver.ts';

/** The world's zones and the addresses of the two name servers that hold them all. */
export interface ZonesOptions {
  readonly ns1: string;
  readonly ns2: string;
  readonly zones: readonly string[];
}

/** The zones that the top-level domains delegate: those that lie in no other zone of the world. */
export function delegationsOf(options: ZonesOptions): Delegation[] {
  return primaryZones(options)
    .filter(({ name }, _, all) => !all.some((other) => name.endsWith(`.${other.name}`)))
    .map(({ name, servers }) => ({ zone: name, servers }));
}

/** Every zone as both name servers hold it. */
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

/** Gives the bare name of the zone. Throws when it is not one of `zones`, or a record is not the publisher's to set. */
export function assertPublishable(
  zones: readonly PrimaryZone[],
  zone: string,
  records: readonly ZoneRecord[],
): string {
  const apex = bareName(zone);
  if (!zones.some(({ name }) => name === apex)) throw new Error(`${apex} is no zone of this world`);
  for (const record of records) assertOwned(apex, record);
  return apex;
}

function assertOwned(apex: string, { name, type }: ZoneRecord): void {
  const owner = bareName(name);
  if (owner !== apex && !owner.endsWith(`.${apex}`)) throw new Error(`${owner} is not in the zone ${apex}`);
  if (owner === apex && (type === 'SOA' || type === 'NS')) {
    throw new Error(`the ${type} of ${apex} belongs to the world: publish the zone without it`);
  }
}
