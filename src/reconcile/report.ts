import type { Deferral } from '../acme/ledger/limits.ts';
import { mapConcurrently } from '../async.ts';
import { isIngressError } from '../errors.ts';
import { isRefusal } from './backoff.ts';
import type { ManagedCertificate } from './deps.ts';

/** The result of a reconciliation for one certificate. */
export interface ReconcileResult {
  readonly certificate: ManagedCertificate;
  /** In the order in which they happened. */
  readonly failures: readonly StepFailure[];
  /** Why a certificate that is due is not ordered now. */
  readonly deferral: Deferral | undefined;
}

/** What failed, and in which step. */
export interface StepFailure {
  readonly step: string;
  readonly failure: unknown;
}

/** The subject of a step: a certificate, or a value that belongs to one. */
export type Subject = ManagedCertificate | { readonly certificate: ManagedCertificate };

/** The number of certificates for which one step runs concurrently. */
const AT_ONCE = 20;

/**
 * The results of one reconciliation, and the only state of a run; what outlives it is SharedState
 * and CertificateState in deps.ts. A step that fails for a certificate is reported here and stops
 * only the steps that need its value. Rejects only on an abort.
 */
export class Report {
  readonly #results: ReadonlyMap<ManagedCertificate, { failures: StepFailure[]; deferral?: Deferral }>;
  readonly #signal: AbortSignal;
  #attempts = 0;

  constructor(certificates: readonly ManagedCertificate[], signal: AbortSignal) {
    this.#results = new Map(certificates.map((certificate) => [certificate, { failures: [] }]));
    this.#signal = signal;
  }

  get certificates(): readonly ManagedCertificate[] {
    return [...this.#results.keys()];
  }

  /** In the order of the certificates. */
  get results(): readonly ReconcileResult[] {
    return [...this.#results].map(([certificate, { failures, deferral }]) => ({
      ...{ certificate, failures, deferral },
    }));
  }

  /**
   * Runs a step for each subject, at most `atOnce` concurrently. Returns the values in the order of
   * the subjects, without those that failed or have none. Throws the signal's reason if it has
   * aborted.
   */
  async each<S extends Subject, T>(
    step: string,
    subjects: Iterable<S>,
    work: (subject: S) => Promise<T | undefined>,
    atOnce = AT_ONCE,
  ): Promise<Map<S, T>> {
    const all = [...subjects];
    const values = await mapConcurrently(Math.min(atOnce, all.length), all, (subject) =>
      this.shared(step, [subject], () => work(subject)),
    );
    return new Map(
      all.flatMap((subject, index): [S, T][] => {
        const value = values[index];
        return value === undefined ? [] : [[subject, value]];
      }),
    );
  }

  /**
   * Runs a step that several certificates share. If it fails, reports that for each of them and
   * returns undefined.
   */
  async shared<T>(step: string, subjects: Iterable<Subject>, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (failure) {
      this.#signal.throwIfAborted();
      for (const subject of subjects) this.fail(subject, step, failure);
      return undefined;
    }
  }

  /** Reports a failure, but the same error only once, even if several steps report it. */
  fail(subject: Subject, step: string, failure: unknown): void {
    const { failures } = this.#resultOf(subject);
    if (!failures.some((known) => isSame(known.failure, failure))) failures.push({ step, failure });
  }

  /** Reports certificates that were issued and could not be stored. */
  failUnsaved(): void {
    for (const certificate of this.certificates) {
      const { unsaved } = certificate.state;
      if (unsaved) this.fail(certificate, 'storing the certificate', unsaved.failure);
    }
  }

  /** Adds attempts to get a certificate; returns their number in this run. */
  countAttempts(attempts: number): number {
    this.#attempts += attempts;
    return this.#attempts;
  }

  /** Reports why a certificate that is due is not ordered now. */
  defer(subject: Subject, deferral: Deferral): void {
    this.#resultOf(subject).deferral = deferral;
  }

  #resultOf(subject: Subject) {
    const certificate = 'certificate' in subject ? subject.certificate : subject;
    const result = this.#results.get(certificate);
    if (!result) throw new Error(`${certificate.names.join(', ')} is not part of this reconciliation`);
    return result;
  }
}

function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  return isIngressError(a) && isIngressError(b) && a.code === b.code && a.message === b.message;
}

/** The failure that decides when to reconcile again; undefined when there is none. */
export function decidingFailure({ failures }: Pick<ReconcileResult, 'failures'>): StepFailure | undefined {
  return failures.find(({ failure }) => isRefusal(failure)) ?? failures[0];
}
