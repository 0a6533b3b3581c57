import {
  completeOrder,
  type IssuedCertificate,
  issue,
  type PendingOrder,
  validate,
} from '../acme/issuance.ts';
import { type CertificateBundle, readBundle, whyUnusable } from '../certificates/certificate.ts';
import { renewalDue } from '../certificates/renewal/policy.ts';
import { IngressError, isIngressError } from '../errors.ts';
import { note } from './course.ts';
import { foresee } from './decision.ts';
import type { Deps } from './deps.ts';
import { type Ground, type Job, type PublishedChallenge, proofsOfJob } from './job.ts';
import { tellOfRenewal } from './outlook.ts';
import { contextOf, recordFailure } from './record-failure.ts';
import { saveUnsaved, serve } from './serving.ts';
import { waitForChallenges } from './wait-for-challenges.ts';
import { waitForRecords } from './wait-for-records.ts';

/**
 * Takes an order to its end: everything seen by every name server, validated, issued, stored, served. Throws what it fails
 * with, which is in the CA's ledger by then.
 */
export async function finish(
  parts: Deps,
  job: Job,
  ground: Ground,
  published: readonly PublishedChallenge[],
  signal: AbortSignal,
): Promise<void> {
  const { course } = job.due;
  const publishedAt = parts.clock.now();
  await waitForOwnRecords(parts, job, ground, signal);
  await waitForOwnChallenges(parts, job, ground, { published, publishedAt }, signal);
  const { rehearsal } = job;
  if (rehearsal) await recording(parts, job, rehearsal, () => rehearse(parts, job, rehearsal, signal));
  const bundle = await recording(parts, job, job.attempt, async () => {
    await validate(job.attempt, contextOf(parts, signal));
    return accept(parts, job, await issue(job.attempt, contextOf(parts, signal)));
  });
  // Stored and served first, tidied up afterwards: the zone can wait, a certificate that is lost is ordered again.
  const { state } = course.kept;
  const concluding = () => concludeEverywhere(parts, job.attempt, bundle);
  state.unsaved = { bundle, conclude: concluding, failure: undefined };
  state.latest = bundle.facts;
  await saveUnsaved(parts, course.kept);
  await serve(parts, course.kept, bundle);
  tellOfRenewal(
    parts.emit,
    course.kept,
    await foresee(parts, course.kept.names, bundle, job.attempt.authority),
  );
}

/** A certificate of the second CA ends the series of failures of the first: at the next renewal it is asked first again. */
async function concludeEverywhere(
  { authorities: { primary } }: Deps,
  attempt: PendingOrder,
  { facts: { serial, notAfter } }: CertificateBundle,
): Promise<void> {
  await completeOrder(attempt, { serial, notAfter });
  if (attempt.authority === primary) return;
  const { stored, params } = attempt;
  const entry = { attempt: stored.attempt, names: params.names, serial, notAfter: notAfter.toISOString() };
  await primary.ledger.write({ event: 'issued', ...entry });
}

/** A first certificate wants its records in order before the CA is told; a renewal goes on without them. */
async function waitForOwnRecords(
  parts: Deps,
  { due: { course, urgent } }: Job,
  { zoneOf, servers, waited }: Ground,
  signal: AbortSignal,
): Promise<void> {
  const { names } = course.kept;
  const isFirst = course.stored === undefined;
  const waits = names.map(async (domain) => {
    const work = zoneOf.get(domain);
    if (!work) return;
    const failure = work.failed.get(domain);
    if (failure !== undefined && isFirst) throw failure;
    if (failure !== undefined || !work.look) return;
    waited.add(domain);
    const waiting = { domain, zone: work.zone, servers, certificate: names, urgent };
    await waitForRecords(parts, waiting, work, signal);
  });
  for (const outcome of await Promise.allSettled(waits)) {
    if (outcome.status === 'fulfilled') continue;
    signal.throwIfAborted();
    if (isFirst) throw outcome.reason;
    note(course, 'records', outcome.reason);
  }
}

interface Challenges {
  readonly published: readonly PublishedChallenge[];
  /** At the latest. */
  readonly publishedAt: Date;
}

async function waitForOwnChallenges(
  parts: Deps,
  job: Job,
  { servers }: Ground,
  { published, publishedAt }: Challenges,
  signal: AbortSignal,
): Promise<void> {
  const { names } = job.due.course.kept;
  const { urgent } = job.due;
  const values = proofsOfJob(job).map(({ value }) => value);
  const own = published.filter(({ value }) => values.includes(value));
  const failed = own.find(({ record }) => record === undefined);
  if (failed) throw failed.failure;
  const byZone = Map.groupBy(own, ({ work }) => work);
  await Promise.all(
    [...byZone].map(([work, challenges]) => {
      const domain = challenges[0]?.value.domain ?? '';
      const records = challenges.flatMap(({ record }) => record ?? []);
      const waiting = { domain, zone: work.zone, servers, certificate: names, urgent, publishedAt };
      return waitForChallenges(parts, waiting, work, records, signal);
    }),
  );
}

/** Has the staging CA validate; nothing is issued there. */
async function rehearse(
  parts: Deps,
  { due }: Job,
  rehearsal: PendingOrder,
  signal: AbortSignal,
): Promise<void> {
  await validate(rehearsal, contextOf(parts, signal));
  const { directoryUrl } = rehearsal.authority;
  parts.emit({ type: 'staging-dry-run', certificate: due.course.kept.names, directoryUrl });
}

async function recording<T>(
  parts: Deps,
  job: Job,
  { stored: { attempt } }: PendingOrder,
  work: () => Promise<T>,
) {
  try {
    return await work();
  } catch (thrown) {
    const { authority, params } = job.attempt;
    await recordFailure(parts, authority, job.due.course, attempt, thrown);
    // It would be downloaded again and again.
    if (isIngressError(thrown, 'CERTIFICATE_UNUSABLE')) await authority.orders.remove(params.key);
    throw thrown;
  }
}

/** Checks what the CA sent before anything is replaced by it. Throws CERTIFICATE_UNUSABLE. */
function accept(
  parts: Deps,
  { due, elapsed }: Job,
  { chainPem, keyPem }: IssuedCertificate,
): CertificateBundle {
  const { names } = due.course.kept;
  const now = parts.clock.now();
  const bundle = readBundle(chainPem, keyPem, now);
  const { serial, notAfter } = bundle.facts;
  const wrong = whyUnusable(bundle.facts, { names, noStaging: parts.spec.noStaging }, now);
  const early = now >= renewalDue(bundle.facts) ? 'it would have to be renewed at once' : undefined;
  const why = wrong ?? early;
  if (why !== undefined) {
    throw new IngressError('CERTIFICATE_UNUSABLE', `the new certificate cannot be used: ${why}`, {
      hint: 'Check the clock of this machine.',
    });
  }
  parts.emit({ type: 'certificate-issued', certificate: names, serial, notAfter, seconds: elapsed() });
  return bundle;
}
