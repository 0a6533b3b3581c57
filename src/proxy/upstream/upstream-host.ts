import { isIP } from 'node:net';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { Lookup } from '../../net/system-lookup.ts';
import type { WarnOf } from '../../warnings.ts';
import { isConnectable } from '../config/syntax.ts';
import type { RuntimeApi } from '../runtime/runtime-api.ts';
import { doesNotResolve, upstreamSubject, lookupFailure } from './messages.ts';
import type { UpstreamPort, CurrentApi } from './upstream-port.ts';

export interface UpstreamHostOptions {
  /** A name, or an address. */
  readonly host: string;
  /** One for each port of the host that some target has. */
  readonly servers: readonly UpstreamPort[];
  readonly lookup: Lookup;
  readonly clock: Clock;
  readonly log: Log;
  readonly warnOf: WarnOf;
  /** Milliseconds between two looks, 1,000 by default. */
  readonly everyMs?: number;
}

/** Keeps HAProxy pointed at the addresses behind the host of an app. */
export class UpstreamHost {
  readonly #options: UpstreamHostOptions;
  #addresses: readonly string[] = [];
  #resolves: boolean | undefined;

  constructor(options: UpstreamHostOptions) {
    this.#options = options;
  }

  /** Tells a new HAProxy the addresses, if some are known yet. */
  async restore(socket: RuntimeApi, signal: AbortSignal): Promise<void> {
    for (const servers of this.#options.servers) await servers.restore(socket, signal);
  }

  /**
   * Looks the name up until the signal aborts, and tells HAProxy of a change. A name that does not resolve is waited for; one that no
   * longer does keeps its last addresses. An address is followed until it answers for the first time. Never rejects.
   */
  async follow(running: CurrentApi, signal: AbortSignal): Promise<void> {
    const { host, servers, clock, log, everyMs = 1_000 } = this.#options;
    const named = isIP(host) === 0;
    while (!signal.aborted) {
      if (named) await this.#look(signal);
      else this.#addresses = [host];
      for (const each of this.#addresses.length === 0 ? [] : servers) {
        await each.update(this.#addresses, running, signal).catch((err: unknown) => {
          // It is told again at the next look, or has ended and is told when it is back.
          if (!signal.aborted) log.warn({ err }, "the app's address could not be set");
        });
      }
      if (!named && servers.every(({ answered }) => answered)) return;
      await clock.wait(everyMs, signal).catch(() => undefined);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { host, lookup } = this.#options;
    try {
      const found = (await lookup(host, signal)).map(({ address }) => address).filter(isConnectable);
      if (found.length === 0) this.#lost('no address that can be connected to');
      else this.#found([...new Set(found)]);
    } catch (thrown) {
      if (!signal.aborted) this.#lost(lookupFailure(thrown));
    }
  }

  #found(addresses: readonly string[]): void {
    const { host, log, warnOf } = this.#options;
    const before = this.#addresses;
    if (!areSame(before, addresses)) {
      const count = addresses.length === 1 ? 'an address' : `${addresses.length} addresses`;
      log.info({ host, addresses, before }, `the app has ${count}`);
    }
    if (this.#resolves === false) warnOf(upstreamSubject(host), undefined);
    this.#addresses = addresses;
    this.#resolves = true;
  }

  #lost(why: string): void {
    const { host, warnOf } = this.#options;
    if (this.#resolves === false) return;
    this.#resolves = false;
    warnOf(upstreamSubject(host), doesNotResolve(host, why, this.#addresses));
  }
}

/** In whatever order they come. */
function areSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((one) => others.includes(one));
}
