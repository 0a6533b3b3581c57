import { MAIN_SERVER, slotName } from '../config/backends.ts';
import {
  disableServer,
  setServerMaxconn,
  setServerAddress,
  stopHealthChecks,
  stoppedServers,
} from '../runtime/commands.ts';
import type { RuntimeApi } from '../runtime/runtime-api.ts';
import { type ServerPlan, connectionShares } from './server-plan.ts';

export interface BackendServersOptions {
  /** The backend. */
  readonly name: string;
  readonly port: number;
  /** Connections that all of its servers may have together; undefined where clients are counted instead. */
  readonly maxconn?: number | undefined;
}

/** The servers of one backend, as the running HAProxy was told of them. */
export class BackendServers {
  readonly #options: BackendServersOptions;
  /** The address of each server that is used. */
  readonly #addresses = new Map<string, string>();
  readonly #limits = new Map<string, number>();

  constructor(options: BackendServersOptions) {
    this.#options = options;
  }

  /** A new HAProxy was told of nothing. */
  forget(): void {
    this.#addresses.clear();
    this.#limits.clear();
  }

  /** The addresses whose slots HAProxy has taken out, because a connection to them failed. */
  async failedAddresses(socket: RuntimeApi, signal: AbortSignal): Promise<readonly string[]> {
    if (this.#addresses.size < 2) return [];
    const servers = await stoppedServers(socket, this.#options.name, signal);
    return servers.flatMap((server) => this.#addresses.get(server) ?? []);
  }

  /** Has HAProxy do what is planned. Idempotent; established connections stay, wherever they lead. */
  async apply(plan: ServerPlan, socket: RuntimeApi, signal: AbortSignal): Promise<void> {
    const { maxconn } = this.#options;
    const limits = maxconn === undefined ? undefined : connectionShares(maxconn, plan);
    // The first server comes first, and what is left before what is added: there is always a server, and none leads astray.
    await this.#use(MAIN_SERVER, plan.main, limits?.main, socket, signal);
    for (const [slot, address] of plan.slots.entries())
      await this.#leaveUnless(slotName(slot), address, socket, signal);
    for (const [slot, address] of plan.slots.entries())
      await this.#use(slotName(slot), address, limits?.slot, socket, signal);
  }

  async #use(
    server: string,
    address: string | undefined,
    limit: number | undefined,
    socket: RuntimeApi,
    signal: AbortSignal,
  ): Promise<void> {
    if (address === undefined) return;
    const { name, port, maxconn } = this.#options;
    if (limit !== undefined && limit !== (this.#limits.get(server) ?? maxconn)) {
      await setServerMaxconn(socket, `${name}/${server}`, limit, signal);
      this.#limits.set(server, limit);
    }
    if (this.#addresses.get(server) === address) return;
    if (server !== MAIN_SERVER) await stopHealthChecks(socket, `${name}/${server}`, signal);
    await setServerAddress(socket, `${name}/${server}`, { address, port }, signal);
    this.#addresses.set(server, address);
  }

  async #leaveUnless(
    server: string,
    address: string | undefined,
    socket: RuntimeApi,
    signal: AbortSignal,
  ): Promise<void> {
    const before = this.#addresses.get(server);
    if (before === undefined || before === address) return;
    await disableServer(socket, `${this.#options.name}/${server}`, signal);
    this.#addresses.delete(server);
  }
}
