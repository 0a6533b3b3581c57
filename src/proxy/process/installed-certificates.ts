import { Mutex, settlesWithin } from '../../async.ts';
import type { Clock } from '../../clock.ts';
import { isIngressError } from '../../errors.ts';
import { type CrtList, type CrtListEntry, installCertificate } from '../runtime/certificates.ts';
import type { RuntimeApi } from '../runtime/runtime-api.ts';
import type { Supervisor } from './supervisor.ts';

/** Longer than the longest pause between two restarts. */
const RESTART_TIMEOUT_MS = 15_000;
/** A command fails shortly before the exit of the process is noticed. */
const EXIT_NOTICE_MS = 250;

/**
 * The certificates that HAProxy has accepted. It keeps them in memory only, so they are installed
 * again after each restart.
 */
export class InstalledCertificates {
  readonly #list: CrtList;
  readonly #clock: Clock;
  readonly #accepted = new Map<string, CrtListEntry>();
  readonly #mutex = new Mutex();

  constructor(list: CrtList, clock: Clock) {
    this.#list = list;
    this.#clock = clock;
  }

  /**
   * Installs one certificate at a time. If HAProxy exits before it is done, waits for the next
   * process and installs the certificate there.
   */
  install(supervisor: Supervisor, certificate: CrtListEntry, signal: AbortSignal): Promise<void> {
    return this.#mutex.run(() => this.#install(supervisor, certificate, signal));
  }

  /** Installs all accepted certificates in a new process. */
  async restore(api: RuntimeApi, signal: AbortSignal): Promise<void> {
    for (const certificate of this.#accepted.values())
      await installCertificate(api, this.#list, certificate, signal);
  }

  async #install(supervisor: Supervisor, certificate: CrtListEntry, signal: AbortSignal): Promise<void> {
    const deadline = this.#clock.now().getTime() + RESTART_TIMEOUT_MS;
    for (;;) {
      const left = Math.max(0, deadline - this.#clock.now().getTime());
      const haproxy = await supervisor.up(left, signal);
      try {
        await installCertificate(haproxy.api, this.#list, certificate, signal);
        this.#accepted.set(certificate.name, certificate);
        return;
      } catch (thrown) {
        if (left === 0 || !isUnanswered(thrown)) throw thrown;
        if (!(await settlesWithin(haproxy.exited, EXIT_NOTICE_MS, this.#clock))) throw thrown;
      }
    }
  }
}

/**
 * Whether HAProxy did not answer. A refusal has its reply in the details; the next process would
 * refuse too.
 */
function isUnanswered(thrown: unknown): boolean {
  return isIngressError(thrown, 'PROXY_COMMAND_FAILED') && thrown.details['reply'] === undefined;
}
