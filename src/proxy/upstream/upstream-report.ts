import type { Log } from '../../log.ts';
import type { WarnOf } from '../../warnings.ts';
import { SLOTS } from '../config/servers.ts';
import {
  addressCountSubject,
  doesNotAnswer,
  type Endpoint,
  pointsToIngress,
  tooManyAddresses,
  upstreamSubject,
} from './messages.ts';

/** The known state of the addresses of an upstream. */
export interface UpstreamState {
  readonly addresses: readonly string[];
  readonly answering: ReadonlySet<string>;
  /** Why the latest probe or connection failed, by address. */
  readonly silent: ReadonlyMap<string, string>;
}

export interface UpstreamReportOptions extends Endpoint {
  /** Whether localhost is the container of the ingress. */
  readonly inContainer: boolean;
  readonly log: Log;
  readonly warnOf: WarnOf;
}

/**
 * Logs changes of an upstream, each once: at the start whether it answers (later failures are
 * logged as `connection-failed`), and which of several addresses do not.
 */
export class UpstreamReport {
  readonly #options: UpstreamReportOptions;
  #answered = false;
  #started = false;
  #silenceReported = false;
  #warned = false;
  #tooMany = false;
  #leftOut: readonly string[] = [];

  constructor(options: UpstreamReportOptions) {
    this.#options = options;
  }

  /** Reports what differs from the state before. */
  update(state: UpstreamState): void {
    if (!this.#answered) this.#reportStart(state);
    this.#reportCount(state);
    this.#reportLeftOut(state);
  }

  #reportStart({ addresses, answering, silent }: UpstreamState): void {
    const { host, port, inContainer, log, warnOf } = this.#options;
    if (!this.#started) this.#warn(pointsToIngress(this.#options, inContainer));
    this.#started = true;
    if (answering.size > 0) {
      this.#answered = true;
      if (!this.#warned) return;
      log.info({ event: 'app-answers', host, port }, 'the app answers');
      warnOf(upstreamSubject(host, port), undefined);
    } else if (!this.#silenceReported && addresses.length > 0 && addresses.every((one) => silent.has(one))) {
      this.#silenceReported = true;
      this.#warn(doesNotAnswer(this.#options, silent, inContainer));
    }
  }

  #warn(message: string | undefined): void {
    const { host, port, warnOf } = this.#options;
    if (message === undefined) return;
    this.#warned = true;
    warnOf(upstreamSubject(host, port), message);
  }

  #reportCount({ answering: { size } }: UpstreamState): void {
    if (size > SLOTS === this.#tooMany) return;
    this.#tooMany = size > SLOTS;
    const message = this.#tooMany ? tooManyAddresses(this.#options, size) : undefined;
    this.#options.warnOf(addressCountSubject(this.#options), message);
  }

  #reportLeftOut({ addresses, answering, silent }: UpstreamState): void {
    const { host, port, log } = this.#options;
    if (answering.size === 0) return;
    const out = addresses.filter((address) => silent.has(address));
    for (const address of out.filter((one) => !this.#leftOut.includes(one)))
      log.info(
        { event: 'app-address-left-out', host, port, address, why: silent.get(address) },
        'an address of the app does not answer; using the others until it does',
      );
    for (const address of this.#leftOut.filter((one) => answering.has(one)))
      log.info({ event: 'app-address-back', host, port, address }, 'an address of the app answers again');
    this.#leftOut = out;
  }
}
