import { bareName } from '../../dns/presentation.ts';
import type { ZonesOptions } from '../../dns/zones.ts';
import type { Settings } from './settings.ts';

/** Writes one line to the log of the container. */
export type Say = (line: string) => void;

/**
 * A part of the world in a process of its own. Resolves once it is up; it then runs until the
 * process ends, unless its work is done earlier. Rejects with a message for the user.
 */
export type Service = (settings: Settings, say: Say) => Promise<void>;

/** All addresses of a container, whose only network is private. */
export const EVERYWHERE = '0.0.0.0';

/** Ports in the compose project's network. */
export const PORTS = { zones: 8053, cloudflare: 8080, ca: 14_000, gateway: 443, app: 80 } as const;

/** The world's only zone and its name servers. */
export function zonesOf({ ZONE, NS1_ADDRESS, NS2_ADDRESS }: Settings): ZonesOptions {
  return { zones: [bareName(ZONE)], ns1: NS1_ADDRESS, ns2: NS2_ADDRESS };
}
