import { isIP } from 'node:net';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { Lookup } from '../../net/system-lookup.ts';
import type { WarnOf } from '../../warnings.ts';
import { isConnectable } from '../config/syntax.ts';
import type { RuntimeApi } from '../runtime/runtime-api.ts';
import { doesNotResolve, lookupFailure, upstreamSubject } from './messages.ts';
import type { CurrentApi, UpstreamPort } from './upstream-port.ts';

export interface UpstreamHostOptions {
  /** A hostname or an address. */
  readonly host: string;
  /** One for each port of the host that a target has. */
  readonly ports: readonly UpstreamPort[];
  readonly lookup: Lookup;
  readonly clock: Clock;
  readonly log: Log;
  readonly warnOf: WarnOf;
  /** Milliseconds between two lookups, 1,000 by default. */
  readonly everyMs?: number;
}

/** Resolves the host of an upstream and keeps HAProxy's servers at its addresses. */
export class UpstreamHost {
  readonly #options: UpstreamHostOptions;
  #addresses: readonly string[] = [];
  #resolves: boolean | undefined;

  constructor(options: UpstreamHostOptions) {
    this.#options = options;
  }

  /** Sets the known addresses in a new HAProxy. */
  async restore(api: RuntimeApi, signal: AbortSignal): Promise<void> {
    for (const port of this.#options.ports) await port.restore(api, signal);
  }

  /**
   * Resolves the name until the signal aborts and applies changes. A name that does not resolve is
   * retried; one that no longer resolves keeps its last addresses. For an IP address, ends once
   * every port has answered for the first time. Never rejects.
   */
  async follow(currentApi: CurrentApi, signal: AbortSignal): Promise<void> {
    const { host, ports, clock, log, everyMs = 1_000 } = this.#options;
    const named = isIP(host) === 0;
    while (!signal.aborted) {
      if (named) await this.#resolve(signal);
      else this.#addresses = [host];
      for (const port of this.#addresses.length === 0 ? [] : ports) {
        await port.update(this.#addresses, currentApi, signal).catch((err: unknown) => {
          // The next update sends it again, as does the restore of the next process if HAProxy has
          // exited.
          if (!signal.aborted) log.warn({ err }, "the app's address could not be set in HAProxy; retrying");
        });
      }
      if (!named && ports.every(({ answered }) => answered)) return;
      await clock.wait(everyMs, signal).catch(() => undefined);
    }
  }

  async #resolve(signal: AbortSignal): Promise<void> {
    const { host, lookup } = this.#options;
    try {
      const found = (await lookup(host, signal)).map(({ address }) => address).filter(isConnectable);
      if (found.length === 0) this.#notFound('no address that can be connected to');
      else this.#found([...new Set(found)]);
    } catch (thrown) {
      if (!signal.aborted) this.#notFound(lookupFailure(thrown));
    }
  }

  #found(addresses: readonly string[]): void {
    const { host, log, warnOf } = this.#options;
    const before = this.#addresses;
    if (!areSame(before, addresses)) {
      const count = addresses.length === 1 ? '1 address' : `${addresses.length} addresses`;
      log.info({ host, addresses, before }, `the app's host ${host} has ${count}`);
    }
    if (this.#resolves === false) warnOf(upstreamSubject(host), undefined);
    this.#addresses = addresses;
    this.#resolves = true;
  }

  #notFound(why: string): void {
    const { host, warnOf } = this.#options;
    if (this.#resolves === false) return;
    this.#resolves = false;
    warnOf(upstreamSubject(host), doesNotResolve(host, why, this.#addresses));
  }
}

/** Whether two lists without duplicates have the same elements, in any order. */
function areSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((one) => others.includes(one));
}
