import { MAIN_SERVER, slotName } from '../config/servers.ts';
import {
  disableServer,
  setServerAddress,
  setServerMaxconn,
  stopHealthChecks,
  stoppedServers,
} from '../runtime/commands.ts';
import type { RuntimeApi } from '../runtime/runtime-api.ts';
import { connectionShares, type ServerPlan } from './server-plan.ts';

export interface BackendServersOptions {
  /** The name of the backend. */
  readonly name: string;
  readonly port: number;
  /**
   * The limit of connections of all servers together; undefined if the frontend limits clients
   * instead.
   */
  readonly maxconn?: number | undefined;
}

/** The servers of one backend, as they are set in the running HAProxy. */
export class BackendServers {
  readonly #options: BackendServersOptions;
  /** The address of each server in use. */
  readonly #addresses = new Map<string, string>();
  readonly #limits = new Map<string, number>();

  constructor(options: BackendServersOptions) {
    this.#options = options;
  }

  /** Forgets what was set: a new HAProxy has none of it. */
  forget(): void {
    this.#addresses.clear();
    this.#limits.clear();
  }

  /**
   * The addresses of the slots that HAProxy has marked down, because a connection to them failed.
   */
  async failedAddresses(api: RuntimeApi, signal: AbortSignal): Promise<readonly string[]> {
    if (this.#addresses.size < 2) return [];
    const servers = await stoppedServers(api, this.#options.name, signal);
    return servers.flatMap((server) => this.#addresses.get(server) ?? []);
  }

  /**
   * Sets the servers of a plan. Idempotent; established connections stay open, whatever their
   * address.
   */
  async apply(plan: ServerPlan, api: RuntimeApi, signal: AbortSignal): Promise<void> {
    const { maxconn } = this.#options;
    const shares = maxconn === undefined ? undefined : connectionShares(maxconn, plan);
    // Set the main server first, and disable slots before others are enabled. Then there is always
    // a server, and none has an old address.
    await this.#use(MAIN_SERVER, plan.main, shares?.main, api, signal);
    for (const [slot, address] of plan.slots.entries())
      await this.#disableUnless(slotName(slot), address, api, signal);
    for (const [slot, address] of plan.slots.entries())
      await this.#use(slotName(slot), address, shares?.slot, api, signal);
  }

  async #use(
    server: string,
    address: string | undefined,
    limit: number | undefined,
    api: RuntimeApi,
    signal: AbortSignal,
  ): Promise<void> {
    if (address === undefined) return;
    const { name, port, maxconn } = this.#options;
    if (limit !== undefined && limit !== (this.#limits.get(server) ?? maxconn)) {
      await setServerMaxconn(api, `${name}/${server}`, limit, signal);
      this.#limits.set(server, limit);
    }
    if (this.#addresses.get(server) === address) return;
    if (server !== MAIN_SERVER) await stopHealthChecks(api, `${name}/${server}`, signal);
    await setServerAddress(api, `${name}/${server}`, { address, port }, signal);
    this.#addresses.set(server, address);
  }

  async #disableUnless(
    server: string,
    address: string | undefined,
    api: RuntimeApi,
    signal: AbortSignal,
  ): Promise<void> {
    const before = this.#addresses.get(server);
    if (before === undefined || before === address) return;
    await disableServer(api, `${this.#options.name}/${server}`, signal);
    this.#addresses.delete(server);
  }
}
