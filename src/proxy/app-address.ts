import type { LookupAddress } from 'node:dns';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Lookup } from '../system-lookup.ts';
import type { WarnOf } from '../warnings.ts';
import { setAppAddress } from './commands.ts';
import type { RuntimeSocket } from './runtime-socket.ts';
import { isConnectable } from './syntax.ts';

/** What a warning about the host of an app is about. */
export function subjectOf(host: string): string {
  return `the app at ${host}`;
}

export interface AppAddressOptions {
  readonly host: string;
  /** What has its server on this host, and at which port. */
  readonly backends: readonly { readonly name: string; readonly port: number }[];
  readonly lookup: Lookup;
  readonly clock: Clock;
  readonly log: Log;
  readonly warnOf: WarnOf;
  /** Milliseconds between two looks, 1,000 by default. */
  readonly everyMs?: number;
}

/**
 * Which of the answers to use: the address that is used already, if it is still among them, so that several do not
 * take turns; else the first. Undefined when none can be connected to.
 */
export function chooseAddress(
  current: string | undefined,
  answers: readonly LookupAddress[],
): string | undefined {
  const addresses = answers.map(({ address }) => address).filter(isConnectable);
  return current !== undefined && addresses.includes(current) ? current : addresses[0];
}

/** Keeps HAProxy pointed at the address behind the name of an app. */
export class AppAddress {
  readonly #options: AppAddressOptions;
  #address: string | undefined;
  /** What the running HAProxy was told. */
  #told: string | undefined;
  #resolves: boolean | undefined;

  constructor(options: AppAddressOptions) {
    this.#options = options;
  }

  /** Tells a new HAProxy the address, if one is known yet. */
  async restore(socket: RuntimeSocket, signal: AbortSignal): Promise<void> {
    this.#told = undefined;
    await this.#tell(socket, signal);
  }

  /**
   * Looks the name up until the signal aborts, and tells HAProxy of a change. A name that does not resolve is waited
   * for; one that no longer does keeps its last address. Never rejects.
   */
  async follow(running: () => RuntimeSocket | undefined, signal: AbortSignal): Promise<void> {
    const { clock, log, everyMs = 1_000 } = this.#options;
    while (!signal.aborted) {
      await this.#look(signal);
      const socket = running();
      if (socket && !signal.aborted) {
        await this.#tell(socket, signal).catch((err: unknown) => {
          // It is told again at the next look, or has ended and is told when it is back.
          if (!signal.aborted) log.warn({ err }, "the app's address could not be set");
        });
      }
      await clock.wait(everyMs, signal).catch(() => undefined);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { host, lookup } = this.#options;
    try {
      const found = chooseAddress(this.#address, await lookup(host, signal));
      if (found === undefined) this.#lost('no address that can be connected to');
      else this.#found(found);
    } catch (thrown) {
      if (!signal.aborted) this.#lost(messageOf(thrown));
    }
  }

  #found(address: string): void {
    const { host, log, warnOf } = this.#options;
    const before = this.#address;
    if (before !== address) log.info({ host, address, before }, 'the app has an address');
    if (this.#resolves === false) warnOf(subjectOf(host), undefined);
    this.#address = address;
    this.#resolves = true;
  }

  #lost(why: string): void {
    const { host, warnOf } = this.#options;
    if (this.#resolves === false) return;
    this.#resolves = false;
    const so =
      this.#address === undefined
        ? 'nothing can be forwarded to it; check TARGET_ENDPOINT or ROUTING_MAP, and that the app is in a network of this container'
        : `its last address, ${this.#address}, is used until it does`;
    warnOf(subjectOf(host), `the app's name ${host} does not resolve (${why}): ${so}`);
  }

  async #tell(socket: RuntimeSocket, signal: AbortSignal): Promise<void> {
    const address = this.#address;
    if (address === undefined || address === this.#told) return;
    for (const { name, port } of this.#options.backends)
      await setAppAddress(socket, name, { address, port }, signal);
    this.#told = address;
  }
}
