import type { PendingOrder } from '../acme/issuance.ts';
import type { PendingAuthorization } from '../acme/order.ts';
import type { DnsRecord } from '../dns/record.ts';
import type { ChallengeValue } from '../records/challenges.ts';
import type { Course } from './course.ts';
import type { ZoneWork } from './publish.ts';
import type { ServerFinder } from './seen.ts';

/** A certificate that is to be ordered now. */
export interface DueCertificate {
  readonly course: Course;
  readonly reason: string;
  /** No certificate can be served, or the end is near: then less stands in the way of an order. */
  readonly urgent: boolean;
}

/** Where things are done in this round. */
export interface Ground {
  /** The zone of each name that could be found. */
  readonly zoneOf: ReadonlyMap<string, ZoneWork>;
  readonly servers: ServerFinder;
  /** Names whose records were waited for already. */
  readonly waited: Set<string>;
}

/** An order that is under way. */
export interface Job {
  readonly due: DueCertificate;
  readonly attempt: PendingOrder;
  /** At a CA whose certificates nobody trusts, which has to validate first (ACME_STAGING_DRY_RUN). */
  readonly rehearsal: PendingOrder | undefined;
  /** Seconds since it was begun. */
  readonly elapsed: () => number;
}

/** What has to be proven for it, at whichever CA. */
export function proofsOfJob({ attempt, rehearsal }: Job): PendingAuthorization[] {
  return [...(rehearsal?.authorizations ?? []), ...attempt.authorizations];
}

/** What became of a challenge value. */
export interface PublishedChallenge {
  readonly value: ChallengeValue;
  readonly work: ZoneWork;
  /** As it was written; undefined when it was not. */
  readonly record: DnsRecord | undefined;
  readonly failure: unknown;
}
