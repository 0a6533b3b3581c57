import { SLOTS } from '../config/servers.ts';

/**
 * A backend has a main server, which is always in use, and slots for an app whose name has several
 * addresses. As soon as a connection to a slot fails, HAProxy marks it down, which the control
 * plane can query, and retries on another server. The main server stays up. So HAProxy has another
 * server when a slot fails (with a single one it waits for a second), and one to try when all slots
 * fail. A name's only address gets no slot, since no other could replace it: HAProxy retries it
 * every second.
 */
export interface ServerPlan {
  /** Undefined while the name has no address. */
  readonly main: string | undefined;
  /**
   * The address of each slot; undefined for an empty one. All are empty if the name has one
   * address, or if none answers.
   */
  readonly slots: readonly (string | undefined)[];
}

/** The plan while the name has no address. */
export const NO_SERVERS: ServerPlan = {
  main: undefined,
  slots: Array.from({ length: SLOTS }, () => undefined),
};

/**
 * The plan for the addresses of a name: those that answer are used, or a single one if none does.
 * An address in use keeps its server, whatever the order of the addresses. Pure.
 */
export function planServers(
  before: ServerPlan,
  addresses: readonly string[],
  answering: ReadonlySet<string>,
): ServerPlan {
  const usable = addresses.filter((address) => answering.has(address));
  const candidates = usable.length > 0 ? usable : addresses;
  const main = candidates.find((address) => address === before.main) ?? candidates[0];
  if (usable.length === 0 || addresses.length < 2) return { main, slots: NO_SERVERS.slots };
  const kept = before.slots.map((address) => usable.find((one) => one === address));
  const waiting = usable.filter((address) => !kept.includes(address));
  return { main, slots: kept.map((address) => address ?? waiting.shift()) };
}

/**
 * The limit of connections of each server: at least one, and together no more than the backend's if
 * possible. Pure.
 */
export function connectionShares(
  maxconn: number,
  { slots }: ServerPlan,
): { readonly main: number; readonly slot: number } {
  const used = slots.filter((address) => address !== undefined).length;
  if (used === 0) return { main: maxconn, slot: maxconn };
  const slot = Math.max(1, Math.floor((maxconn - 1) / used));
  return { main: Math.max(1, maxconn - used * slot), slot };
}
