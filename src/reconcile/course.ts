import type { Hold } from '../acme/ledger/limits.ts';
import type { CertificateBundle } from '../certificates/certificate.ts';
import { isRefusal } from './backoff.ts';
import type { ManagedCertificate } from './deps.ts';

/** How one round goes for one certificate. */
export interface Course {
  readonly kept: ManagedCertificate;
  /** What is stored, or was issued and is not stored yet; set once the volume was read. */
  stored: CertificateBundle | undefined;
  /**
   * The volume could not be read, so that nobody knows whether a certificate is due, an order is open, or a challenge could be
   * published.
   */
  unread: boolean;
  /** Why no order is made now although one is due. */
  held: Hold | undefined;
  /** In the order in which they came. */
  readonly failures: StepFailure[];
}

/** What failed, and in which step. */
export interface StepFailure {
  readonly step: string;
  readonly failure: unknown;
}

export function startCourse(kept: ManagedCertificate): Course {
  return { kept, stored: undefined, unread: false, held: undefined, failures: [] };
}

/** Remembers a failure, once; a step that fails holds up only what needs it. The loop logs it when the pass ends. */
export function note({ failures }: Course, step: string, failure: unknown): void {
  if (!failures.some((known) => known.failure === failure)) failures.push({ step, failure });
}

/** Makes a step; a failure is noted, and undefined given. Throws the signal's reason when it has aborted. */
export async function attempt<T>(
  course: Course,
  step: string,
  work: () => Promise<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  return attemptTogether([course], step, work, signal);
}

/** As `attempt`, for a step that several have in common. */
export async function attemptTogether<T>(
  courses: Iterable<Course>,
  step: string,
  work: () => Promise<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (failure) {
    signal.throwIfAborted();
    for (const course of courses) note(course, step, failure);
    return undefined;
  }
}

/** The failure that decides when to try again; undefined when all went well. */
export function decidingFailure({ failures }: Course): StepFailure | undefined {
  return failures.find(({ failure }) => isRefusal(failure)) ?? failures[0];
}
