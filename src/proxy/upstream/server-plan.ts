/**
 * A backend has one server that is always used, and slots beside it for an app whose name has several addresses. HAProxy takes a slot
 * out itself as soon as a connection to it fails, by which the control plane hears of it, and goes on at once with another server. The
 * first server stays: with it HAProxy has two to choose from when a slot fails, without which it waits for a second, and one to try when
 * all fail. A name's only address has no slot, since nothing could be used in its place: all tries of a client are a second apart.
 */

/** How many addresses of a name are used at once. Each costs 5 kB in every backend, and 25 kB where the app wants TLS (measured). */
export const SLOTS = 8;

/** Where the servers of a backend lead. */
export interface ServerPlan {
  /** Undefined while the name has no address. */
  readonly main: string | undefined;
  /** Of each slot; an empty one is undefined. All are empty where the name has one address, or none answers. */
  readonly slots: readonly (string | undefined)[];
}

export const NO_SERVERS: ServerPlan = {
  main: undefined,
  slots: Array.from({ length: SLOTS }, () => undefined),
};

/**
 * The plan for the addresses of a name, those that answer being used, or one where none does. What is used stays where it is, in
 * whatever order the addresses come. Pure.
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

/** The connections that each server may have, so that together they have no more than the backend, but each has one. Pure. */
export function connectionShares(
  maxconn: number,
  { slots }: ServerPlan,
): { readonly main: number; readonly slot: number } {
  const used = slots.filter((address) => address !== undefined).length;
  if (used === 0) return { main: maxconn, slot: maxconn };
  const slot = Math.max(1, Math.floor((maxconn - 1) / used));
  return { main: Math.max(1, maxconn - used * slot), slot };
}
