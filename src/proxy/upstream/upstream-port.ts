import { Mutex } from '../../async.ts';
import type { Clock } from '../../clock.ts';
import type { RuntimeApi } from '../runtime/runtime-api.ts';
import { within } from '../within.ts';
import type { BackendServers } from './backend-servers.ts';
import type { TcpProbe } from './connects.ts';
import { NO_SERVERS, planServers } from './server-plan.ts';
import type { UpstreamReport } from './upstream-report.ts';

export interface UpstreamPortOptions {
  readonly port: number;
  /** The backends whose servers are the app's; none where the address is in the configuration. */
  readonly backends: readonly BackendServers[];
  readonly report: UpstreamReport;
  readonly probe: TcpProbe;
  readonly clock: Clock;
}

/** Where the running HAProxy is spoken to; undefined while there is none. */
export type CurrentApi = () => RuntimeApi | undefined;

/** How often, and when last, HAProxy failed to connect to an address that had accepted our connection. */
interface Failures {
  readonly times: number;
  readonly at: number;
}

/** Failures that are further apart have nothing to do with each other. */
const FORGIVEN_MS = 60_000;
const LONGEST_REST_MS = 32_000;

/**
 * Finds out which addresses of an app answer at one port, and has HAProxy use those. A single address is used as it is: it is only asked
 * for at the start, until it answers for the first time. Of several, those that are not in use are connected to at each look; that
 * one in use fails is heard from HAProxy.
 */
export class UpstreamPort {
  readonly #options: UpstreamPortOptions;
  #addresses: readonly string[] = [];
  readonly #answering = new Set<string>();
  readonly #silent = new Map<string, string>();
  /** Those that an answer is waited for from. */
  readonly #asked = new Set<string>();
  readonly #failures = new Map<string, Failures>();
  #plan = NO_SERVERS;
  #answered = false;
  /** Serializes what HAProxy is told: each command list builds on the one before. */
  readonly #mutex = new Mutex();

  constructor(options: UpstreamPortOptions) {
    this.#options = options;
  }

  /** Whether an address has answered since the start. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Tells a new HAProxy what is known. */
  restore(socket: RuntimeApi, signal: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      for (const backend of this.#options.backends) backend.forget();
      await this.#tell(socket, signal);
    });
  }

  /** Has HAProxy use the addresses that the app has now. Throws what it answers; the next look makes up for it. */
  async update(addresses: readonly string[], running: CurrentApi, signal: AbortSignal): Promise<void> {
    this.#addresses = addresses;
    for (const known of [this.#answering, this.#silent, this.#failures])
      for (const address of known.keys()) if (!addresses.includes(address)) known.delete(address);
    this.#report();
    this.#askDoubtful(running, signal);
    const before = this.#answering.size;
    await this.#tellRunning(running, signal);
    // The last one has just been heard to fail.
    if (before > 0 && this.#answering.size === 0) this.#askDoubtful(running, signal);
  }

  #askDoubtful(running: CurrentApi, signal: AbortSignal): void {
    for (const address of this.#doubtful()) void this.#ask(address, running, signal);
  }

  #doubtful(): string[] {
    if (this.#answered && this.#addresses.length < 2) return [];
    return this.#addresses.filter(
      (address) => !this.#answering.has(address) && !this.#asked.has(address) && !this.#rests(address),
    );
  }

  async #ask(address: string, running: CurrentApi, signal: AbortSignal): Promise<void> {
    const { probe: connects, port } = this.#options;
    this.#asked.add(address);
    const why = await connects({ address, port }, signal);
    this.#asked.delete(address);
    if (signal.aborted || !this.#addresses.includes(address)) return;
    // Another one was quicker.
    if (this.#rests(address)) return;
    if (why === undefined) {
      this.#answered = true;
      this.#answering.add(address);
      this.#silent.delete(address);
    } else this.#silent.set(address, why);
    this.#report();
    // What HAProxy does not take now it is told at the next look.
    if (why === undefined) await this.#tellRunning(running, signal).catch(() => undefined);
  }

  async #tellRunning(running: CurrentApi, signal: AbortSignal): Promise<void> {
    const socket = running();
    if (!socket || signal.aborted) return;
    await this.#mutex.run(async () => {
      for (const backend of this.#options.backends)
        for (const address of await backend.failedAddresses(socket, signal)) this.#failed(address);
      await this.#tell(socket, signal);
    });
  }

  #failed(address: string): void {
    if (!this.#answering.delete(address)) return;
    const at = this.#now();
    const last = this.#failures.get(address);
    this.#failures.set(address, { times: last && within(FORGIVEN_MS, last.at, at) ? last.times + 1 : 1, at });
    this.#silent.set(address, 'a connection failed');
    this.#report();
  }

  /** Not after a first failure, since an app that is restarted may be back at once, and only while another address answers. */
  #rests(address: string): boolean {
    if (this.#answering.size === 0) return false;
    const { times, at } = this.#failures.get(address) ?? { times: 0, at: 0 };
    return times > 1 && within(Math.min(1_000 * 2 ** (times - 1), LONGEST_REST_MS), at, this.#now());
  }

  async #tell(socket: RuntimeApi, signal: AbortSignal): Promise<void> {
    this.#plan = planServers(this.#plan, this.#addresses, this.#answering);
    for (const backend of this.#options.backends) await backend.apply(this.#plan, socket, signal);
  }

  #report(): void {
    const knowledge = { addresses: this.#addresses, answering: this.#answering, silent: this.#silent };
    this.#options.report.update(knowledge);
  }

  #now(): number {
    return this.#options.clock.now().getTime();
  }
}
