import type { Log } from '../../log.ts';
import type { WarnOf } from '../../warnings.ts';
import {
  doesNotAnswer,
  pointsToIngress,
  addressCountSubject,
  type Endpoint,
  upstreamSubject,
  tooManyAddresses,
} from './messages.ts';
import { SLOTS } from './server-plan.ts';

/** What is known of the addresses of an app. */
export interface UpstreamState {
  readonly addresses: readonly string[];
  readonly answering: ReadonlySet<string>;
  /** Why there was no answer when it was last asked for, by address. */
  readonly silent: ReadonlyMap<string, string>;
}

export interface UpstreamReportOptions extends Endpoint {
  /** Whether localhost is the container of the ingress. */
  readonly inContainer: boolean;
  readonly log: Log;
  readonly warnOf: WarnOf;
}

/**
 * Says what there is to say of an app, each thing once: at the start whether it answers (what fails later is in the log of failures),
 * and which of several addresses do not.
 */
export class UpstreamReport {
  readonly #options: UpstreamReportOptions;
  #answered = false;
  #begun = false;
  #silenceSaid = false;
  #warned = false;
  #tooMany = false;
  #leftOut: readonly string[] = [];

  constructor(options: UpstreamReportOptions) {
    this.#options = options;
  }

  /** Hears of what is known now. */
  update(knowledge: UpstreamState): void {
    if (!this.#answered) this.#start(knowledge);
    this.#number(knowledge);
    this.#leave(knowledge);
  }

  #start({ addresses, answering, silent }: UpstreamState): void {
    const { host, port, inContainer, log, warnOf } = this.#options;
    if (!this.#begun) this.#warn(pointsToIngress(this.#options, inContainer));
    this.#begun = true;
    if (answering.size > 0) {
      this.#answered = true;
      if (!this.#warned) return;
      log.info({ event: 'app-answers', host, port }, 'the app answers');
      warnOf(upstreamSubject(host, port), undefined);
    } else if (!this.#silenceSaid && addresses.length > 0 && addresses.every((one) => silent.has(one))) {
      this.#silenceSaid = true;
      this.#warn(doesNotAnswer(this.#options, silent, inContainer));
    }
  }

  #warn(sentence: string | undefined): void {
    const { host, port, warnOf } = this.#options;
    if (sentence === undefined) return;
    this.#warned = true;
    warnOf(upstreamSubject(host, port), sentence);
  }

  #number({ answering: { size } }: UpstreamState): void {
    if (size > SLOTS === this.#tooMany) return;
    this.#tooMany = size > SLOTS;
    const sentence = this.#tooMany ? tooManyAddresses(this.#options, size) : undefined;
    this.#options.warnOf(addressCountSubject(this.#options), sentence);
  }

  #leave({ addresses, answering, silent }: UpstreamState): void {
    const { host, port, log } = this.#options;
    if (answering.size === 0) return;
    const out = addresses.filter((address) => silent.has(address));
    for (const address of out.filter((one) => !this.#leftOut.includes(one)))
      log.info(
        { event: 'app-address-left-out', host, port, address, why: silent.get(address) },
        'an address of the app does not answer: the others are used until it does',
      );
    for (const address of this.#leftOut.filter((one) => answering.has(one)))
      log.info({ event: 'app-address-back', host, port, address }, 'an address of the app answers again');
    this.#leftOut = out;
  }
}
