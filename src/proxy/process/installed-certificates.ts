import type { Clock } from '../../clock.ts';
import { isIngressError } from '../../errors.ts';
import { settles } from '../deadline.ts';
import { type CrtListEntry, type CrtList, installCertificate } from '../runtime/certificates.ts';
import type { HaproxyProcess } from './process.ts';
import type { Supervisor } from './supervisor.ts';

/** Longer than the longest pause between two restarts. */
const RESTART_TIMEOUT_MS = 15_000;
/** A command fails a moment before the exit of the process is known. */
const EXIT_NOTICE_MS = 250;

/** The certificates that HAProxy has accepted, remembered across its restarts: it keeps them in its memory only. */
export class InstalledCertificates {
  readonly #list: CrtList;
  readonly #clock: Clock;
  readonly #accepted = new Map<string, CrtListEntry>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(list: CrtList, clock: Clock) {
    this.#list = list;
    this.#clock = clock;
  }

  /** Installs one after the other. When HAProxy ends meanwhile, waits for the next one and installs it there. */
  install(supervisor: Supervisor, files: CrtListEntry, signal: AbortSignal): Promise<void> {
    const turn = this.#last.then(() => this.#install(supervisor, files, signal));
    // The next turn comes whatever becomes of this one.
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Gives a new process all that were accepted. */
  async restore({ api: socket }: HaproxyProcess, signal: AbortSignal): Promise<void> {
    for (const files of this.#accepted.values()) await installCertificate(socket, this.#list, files, signal);
  }

  async #install(supervisor: Supervisor, files: CrtListEntry, signal: AbortSignal): Promise<void> {
    const deadline = this.#clock.now().getTime() + RESTART_TIMEOUT_MS;
    for (;;) {
      const left = Math.max(0, deadline - this.#clock.now().getTime());
      const haproxy = await supervisor.up(left, signal);
      try {
        await installCertificate(haproxy.api, this.#list, files, signal);
        this.#accepted.set(files.name, files);
        return;
      } catch (thrown) {
        if (left === 0 || !isUnanswered(thrown)) throw thrown;
        if (!(await settles(haproxy.exited, this.#clock, EXIT_NOTICE_MS))) throw thrown;
      }
    }
  }
}

/** A refusal carries HAProxy's reply, and stays one in the next process too. */
function isUnanswered(thrown: unknown): boolean {
  return isIngressError(thrown, 'PROXY_COMMAND_FAILED') && thrown.details['reply'] === undefined;
}
