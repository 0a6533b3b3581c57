import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bind, startBind } from './bind.ts';
import type { PrimaryZone } from './bind-config.ts';
import { type Front, startFront } from './cname-front.ts';
import { sendUpdate } from './dns-update.ts';
import { normalize } from './presentation.ts';
import type { ZoneRecord } from './publisher.ts';
import { emptySplit, type SplitZone, splitZone } from './zone-split.ts';

export interface NameServerOptions {
  readonly directory: string;
  /** The public address, which is the front's. */
  readonly address: string;
  readonly resolver: string;
  readonly zones: readonly PrimaryZone[];
}

const LONGEST_WAIT_MS = 2 ** 31 - 1;

/**
 * One authoritative name server: a BIND behind a front. Updates reach both after a lag, in order.
 */
export class NameServer implements AsyncDisposable {
  readonly address: string;
  readonly #bind: Bind;
  readonly #front: Front;
  readonly #served: Map<string, SplitZone>;
  readonly #disposed = new AbortController();
  #lagMs = 0;
  #lagChanged = new AbortController();
  #lastUpdate: Promise<void> = Promise.resolve();

  private constructor(options: NameServerOptions, bind: Bind, front: Front, served: Map<string, SplitZone>) {
    this.address = options.address;
    this.#bind = bind;
    this.#front = front;
    this.#served = served;
  }

  static async start(options: NameServerOptions): Promise<NameServer> {
    const { directory, address, resolver, zones } = options;
    await using stack = new AsyncDisposableStack();
    const served = new Map<string, SplitZone>();
    const fixed = ['recursion no', 'minimal-responses yes'];
    const bind = stack.use(await startBind({ directory: join(directory, address), zones, options: fixed }));
    const behind = bind.endpoint;
    const front = await startFront({ address, behind, resolver, zones: () => served.values() });
    stack.move();
    return new NameServer(options, bind, front, served);
  }

  get pids(): readonly number[] {
    return [this.#bind.pid];
  }

  get faults(): Front['faults'] {
    return this.#front.faults;
  }

  get questions(): Front['questions'] {
    return this.#front.questions;
  }

  get lagMs(): number {
    return this.#lagMs;
  }

  /**
   * Milliseconds from a publication until this server answers it; also applies to pending ones.
   * Infinity means never.
   */
  set lagMs(ms: number) {
    this.#lagMs = ms;
    this.#lagChanged.abort();
    this.#lagChanged = new AbortController();
  }

  /**
   * Closes port 53. Publications still arrive, so the server is up to date when it starts again.
   */
  stop(): Promise<void> {
    return this.#front.close();
  }

  start(): Promise<void> {
    return this.#front.open();
  }

  /**
   * Resolves once this server answers the records. After one failure, every later update fails the
   * same way.
   */
  update(zone: string, records: readonly ZoneRecord[]): Promise<void> {
    const published = Date.now();
    const previous = this.#lastUpdate;
    const update = async () => {
      await previous;
      await this.#waitUntilDue(published);
      if (!this.#disposed.signal.aborted) await this.#apply(zone, records);
    };
    this.#lastUpdate = update();
    // The publisher does not wait for a lagging server; the next update and the disposal report its
    // failure.
    this.#lastUpdate.catch(() => undefined);
    return this.#lastUpdate;
  }

  /**
   * Ends it. Rejects, after everything has ended, if an update failed whose publisher did not wait
   * for it.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed.abort();
    await using stack = new AsyncDisposableStack();
    stack.use(this.#bind);
    stack.use(this.#front);
    await this.#lastUpdate;
  }

  async #waitUntilDue(published: number): Promise<void> {
    const leftMs = () => published + this.#lagMs - Date.now();
    while (leftMs() > 0 && !this.#disposed.signal.aborted) {
      const signal = AbortSignal.any([this.#lagChanged.signal, this.#disposed.signal]);
      await sleep(Math.min(leftMs(), LONGEST_WAIT_MS), undefined, { signal }).catch(() => undefined);
    }
  }

  async #apply(zone: string, records: readonly ZoneRecord[]): Promise<void> {
    const wanted = splitZone(zone, records.map(normalize));
    const before = linesOf(this.#served.get(zone) ?? emptySplit);
    const after = linesOf(wanted);
    // BIND silently drops an added CNAME while the name has another type, so deletions come first.
    const deleted = [...before].filter(([line]) => !after.has(line)).map(([, record]) => record);
    const added = [...after].filter(([line]) => !before.has(line)).map(([, record]) => record);
    await sendUpdate(this.#bind.endpoint, zone, deleted, added);
    this.#served.set(zone, wanted);
  }
}

function linesOf({ plain }: SplitZone): Map<string, ZoneRecord> {
  return new Map(
    plain.map((record) => [`${record.name}. ${record.ttl} IN ${record.type} ${record.data}`, record]),
  );
}
