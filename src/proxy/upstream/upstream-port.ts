import { Mutex } from '../../async.ts';
import type { Clock } from '../../clock.ts';
import { isRecent } from '../recent.ts';
import type { RuntimeApi } from '../runtime/runtime-api.ts';
import type { BackendServers } from './backend-servers.ts';
import type { TcpProbe } from './probe.ts';
import { NO_SERVERS, planServers } from './server-plan.ts';
import type { UpstreamReport } from './upstream-report.ts';

export interface UpstreamPortOptions {
  readonly port: number;
  /** The backends with this upstream; none if the address is in haproxy.cfg. */
  readonly backends: readonly BackendServers[];
  readonly report: UpstreamReport;
  readonly probe: TcpProbe;
  readonly clock: Clock;
}

/** The runtime API of the running HAProxy; undefined while there is none. */
export type CurrentApi = () => RuntimeApi | undefined;

/** Connections of HAProxy that failed to an address that had accepted a probe. */
interface Failures {
  readonly count: number;
  /** When the latest was seen. */
  readonly at: number;
}

/** A failure that is this long after the previous one counts as the first. */
const FORGET_MS = 60_000;
const MAX_BACKOFF_MS = 32_000;

/**
 * Determines which addresses of an upstream answer at one port, and makes HAProxy use those. A
 * single address is always used, and probed only until it answers for the first time. Of several
 * addresses, those that are not in use are probed at each update; HAProxy reports when one in use
 * fails.
 */
export class UpstreamPort {
  readonly #options: UpstreamPortOptions;
  #addresses: readonly string[] = [];
  readonly #answering = new Set<string>();
  readonly #silent = new Map<string, string>();
  /** Addresses with a probe in progress. */
  readonly #probing = new Set<string>();
  readonly #failures = new Map<string, Failures>();
  #plan = NO_SERVERS;
  #answered = false;
  /** Serializes changes to HAProxy: each builds on the one before. */
  readonly #mutex = new Mutex();

  constructor(options: UpstreamPortOptions) {
    this.#options = options;
  }

  /** Whether an address has answered since the start. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Applies the known addresses to a new HAProxy. */
  restore(api: RuntimeApi, signal: AbortSignal): Promise<void> {
    return this.#mutex.run(async () => {
      for (const backend of this.#options.backends) backend.forget();
      await this.#apply(api, signal);
    });
  }

  /**
   * Makes HAProxy use the upstream's current addresses. Throws if HAProxy refuses; the next update
   * retries.
   */
  async update(addresses: readonly string[], currentApi: CurrentApi, signal: AbortSignal): Promise<void> {
    this.#addresses = addresses;
    for (const known of [this.#answering, this.#silent, this.#failures])
      for (const address of known.keys()) if (!addresses.includes(address)) known.delete(address);
    this.#report();
    this.#probeAll(currentApi, signal);
    const before = this.#answering.size;
    await this.#applyToCurrent(currentApi, signal);
    // The last answering address has just failed.
    if (before > 0 && this.#answering.size === 0) this.#probeAll(currentApi, signal);
  }

  #probeAll(currentApi: CurrentApi, signal: AbortSignal): void {
    for (const address of this.#toProbe()) void this.#probe(address, currentApi, signal);
  }

  #toProbe(): string[] {
    if (this.#answered && this.#addresses.length < 2) return [];
    return this.#addresses.filter(
      (address) => !this.#answering.has(address) && !this.#probing.has(address) && !this.#backsOff(address),
    );
  }

  async #probe(address: string, currentApi: CurrentApi, signal: AbortSignal): Promise<void> {
    const { probe, port } = this.#options;
    this.#probing.add(address);
    const why = await probe({ address, port }, signal);
    this.#probing.delete(address);
    if (signal.aborted || !this.#addresses.includes(address)) return;
    // Another address has answered in the meantime.
    if (this.#backsOff(address)) return;
    if (why === undefined) {
      this.#answered = true;
      this.#answering.add(address);
      this.#silent.delete(address);
    } else this.#silent.set(address, why);
    this.#report();
    // If HAProxy refuses now, the next update retries.
    if (why === undefined) await this.#applyToCurrent(currentApi, signal).catch(() => undefined);
  }

  async #applyToCurrent(currentApi: CurrentApi, signal: AbortSignal): Promise<void> {
    const api = currentApi();
    if (!api || signal.aborted) return;
    await this.#mutex.run(async () => {
      for (const backend of this.#options.backends)
        for (const address of await backend.failedAddresses(api, signal)) this.#failed(address);
      await this.#apply(api, signal);
    });
  }

  #failed(address: string): void {
    if (!this.#answering.delete(address)) return;
    const at = this.#now();
    const last = this.#failures.get(address);
    this.#failures.set(address, { count: last && isRecent(last.at, FORGET_MS, at) ? last.count + 1 : 1, at });
    this.#silent.set(address, 'a connection failed');
    this.#report();
  }

  /**
   * Whether to wait before the next probe: only while another address answers, and not after a
   * first failure, because an app that restarts may be back at once.
   */
  #backsOff(address: string): boolean {
    if (this.#answering.size === 0) return false;
    const { count, at } = this.#failures.get(address) ?? { count: 0, at: 0 };
    return count > 1 && isRecent(at, Math.min(1_000 * 2 ** (count - 1), MAX_BACKOFF_MS), this.#now());
  }

  async #apply(api: RuntimeApi, signal: AbortSignal): Promise<void> {
    this.#plan = planServers(this.#plan, this.#addresses, this.#answering);
    for (const backend of this.#options.backends) await backend.apply(this.#plan, api, signal);
  }

  #report(): void {
    const state = { addresses: this.#addresses, answering: this.#answering, silent: this.#silent };
    this.#options.report.update(state);
  }

  #now(): number {
    return this.#options.clock.now().getTime();
  }
}
