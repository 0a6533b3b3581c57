import {
  completeOrder,
  type IssuedCertificate,
  issue as issueOrder,
  type PendingOrder,
  validate,
} from '../acme/issuance.ts';
import { type CertificateBundle, readBundle, whyUnusable } from '../certificates/certificate.ts';
import { renewalDue } from '../certificates/renewal/policy.ts';
import { IngressError, isIngressError } from '../errors.ts';
import { awaitChallenges, awaitRecords, type ZoneWait } from './await-zone.ts';
import { logRenewal } from './certificate-log.ts';
import type { Deps, ManagedCertificate } from './deps.ts';
import { writeOf, type ZoneWrites } from './group.ts';
import { install, saveUnsaved } from './install.ts';
import { authorizationsOf, type Issuance, issuanceContext } from './orders.ts';
import { recordingFailure } from './record-failure.ts';
import { decideForNew } from './renewal.ts';
import type { ObservedRun } from './zones.ts';

/**
 * Completes an order: waits for its records and challenges to propagate, has the CA validate and
 * issue, then stores and serves the certificate. A failure at the CA is recorded in its ledger
 * before it is thrown.
 */
export async function issueAndServe(
  deps: Deps,
  run: ObservedRun,
  issuance: Issuance,
  writes: ZoneWrites,
  signal: AbortSignal,
): Promise<void> {
  const { certificate, stagingDryRun, order } = issuance;
  await awaitOwnRecords(deps, run, issuance, writes, signal);
  await awaitOwnChallenges(deps, run, issuance, writes, signal);
  if (stagingDryRun) await validateAtStaging(deps, run, issuance, stagingDryRun, signal);
  const bundle = await obtain(deps, run, issuance, signal);
  // Store and serve first, clean up later: the zone can wait, but a lost certificate has to be
  // ordered again.
  const complete = () => completeEverywhere(deps, order, bundle);
  certificate.state.unsaved = { bundle, complete, failure: undefined };
  certificate.state.latest = bundle.facts;
  await saveUnsaved(deps, certificate);
  await install(deps, run.report, certificate, bundle);
  logRenewal(deps, certificate, await decideForNew(deps, certificate.names, bundle, order.authority));
}

/**
 * Closes the order. A certificate from the fallback CA also ends the failure streak of the primary
 * CA, so that the next order goes to the primary CA first.
 */
async function completeEverywhere(
  { authorities: { primary } }: Deps,
  order: PendingOrder,
  { facts: { serial, notAfter } }: CertificateBundle,
): Promise<void> {
  await completeOrder(order, { serial, notAfter });
  if (order.authority === primary) return;
  const { stored, params } = order;
  const entry = { attempt: stored.attempt, names: params.names, serial, notAfter: notAfter.toISOString() };
  await primary.ledger.write({ event: 'issued', ...entry });
}

/** A first certificate needs its records before validation; a renewal continues without them. */
async function awaitOwnRecords(
  deps: Deps,
  run: ObservedRun,
  { certificate, task }: Issuance,
  writes: ZoneWrites,
  signal: AbortSignal,
): Promise<void> {
  const { report, findServers } = run;
  const isFirst = task.stored === undefined;
  const wait: ZoneWait = { certificate, urgent: task.urgent, findServers };
  const waits = certificate.names.map(async (domain) => {
    const zone = await writeOf(run, writes, domain);
    const failure = zone?.write.failed.get(domain);
    // For a renewal, awaitRecordsOf reports it at the end: a failure of the order takes precedence.
    if (failure !== undefined && isFirst) throw failure;
    if (failure === undefined && zone?.write.plan) await awaitRecords(deps, zone, domain, wait, signal);
  });
  for (const outcome of await Promise.allSettled(waits)) {
    if (outcome.status === 'fulfilled') continue;
    signal.throwIfAborted();
    if (isFirst) throw outcome.reason;
    report.fail(certificate, 'records', outcome.reason);
  }
}

async function awaitOwnChallenges(
  deps: Deps,
  run: ObservedRun,
  issuance: Issuance,
  writes: ZoneWrites,
  signal: AbortSignal,
): Promise<void> {
  const { certificate, task } = issuance;
  const wait: ZoneWait = { certificate, urgent: task.urgent, findServers: run.findServers };
  const values = authorizationsOf(issuance).map(({ value }) => value);
  const zones = new Set(await Promise.all(values.map(({ domain }) => writeOf(run, writes, domain))));
  const isOwn = ({ name, value }: { readonly name: string; readonly value: string }) =>
    values.some((one) => one.name === name && one.value === value);
  const own = [...zones].flatMap((zone) =>
    zone ? [{ zone, challenges: zone.write.challenges.filter(({ value }) => isOwn(value)) }] : [],
  );
  const failed = own.flatMap(({ challenges }) => challenges).find(({ record }) => record === undefined);
  if (failed) throw failed.failure;
  await Promise.all(own.map(({ zone, challenges }) => awaitChallenges(deps, zone, challenges, wait, signal)));
}

/** The work that a group has done. */
export interface GroupWork {
  readonly writes: ZoneWrites;
  /** Certificates whose orders have waited for their records. */
  readonly ordered: ReadonlySet<ManagedCertificate>;
}

/**
 * Waits for the records of a certificate to propagate, unless its order has waited for them.
 * Reports failures: DNS_LOOKUP_FAILED, PROPAGATION_TIMEOUT and what the provider threw. Rejects
 * only on an abort.
 */
export async function awaitRecordsOf(
  deps: Deps,
  run: ObservedRun,
  certificate: ManagedCertificate,
  { writes, ordered }: GroupWork,
  signal: AbortSignal,
): Promise<void> {
  const { report, findServers } = run;
  const wait: ZoneWait = { certificate, urgent: false, findServers };
  const ends = certificate.names.map(async (domain) => {
    const zone = await writeOf(run, writes, domain);
    const failure = zone?.write.failed.get(domain);
    if (failure !== undefined) throw failure;
    if (!zone?.write.plan) return;
    if (!ordered.has(certificate)) await awaitRecords(deps, zone, domain, wait, signal);
    // Reported last, so that it is retried soon: the certificate needs no gateway, and has been
    // issued.
    const unreachable = zone.write.plan.names.get(domain)?.unreachable;
    if (unreachable) throw unreachable;
  });
  for (const end of await Promise.allSettled(ends)) {
    signal.throwIfAborted();
    if (end.status === 'rejected') report.fail(certificate, 'records', end.reason);
  }
}

/**
 * Has the staging CA validate, without issuing. A failure is recorded in the ledger of the CA at
 * which the certificate is ordered.
 */
async function validateAtStaging(
  deps: Deps,
  { report }: ObservedRun,
  { certificate, task, order: { authority } }: Issuance,
  stagingDryRun: PendingOrder,
  signal: AbortSignal,
): Promise<void> {
  const { attempt } = stagingDryRun.stored;
  await recordingFailure(deps, report, { authority, task, attemptId: attempt }, async () => {
    await validate(stagingDryRun, issuanceContext(deps, signal));
    const { directoryUrl } = stagingDryRun.authority;
    deps.emit({ type: 'staging-dry-run', certificate: certificate.names, directoryUrl });
  });
}

/** Has the CA validate and issue. Throws CERTIFICATE_UNUSABLE and what the CA throws. */
async function obtain(
  deps: Deps,
  { report }: ObservedRun,
  issuance: Issuance,
  signal: AbortSignal,
): Promise<CertificateBundle> {
  const { task, order } = issuance;
  const { authority, params, stored } = order;
  const context = issuanceContext(deps, signal);
  try {
    return await recordingFailure(deps, report, { authority, task, attemptId: stored.attempt }, async () => {
      await validate(order, context);
      return accept(deps, issuance, await issueOrder(order, context));
    });
  } catch (thrown) {
    // Otherwise every run would download it again.
    if (isIngressError(thrown, 'CERTIFICATE_UNUSABLE')) await authority.orders.remove(params.key);
    throw thrown;
  }
}

/** The error for an issued certificate that would be replaced again at once. Pure. */
export function newCertificateUnusable(why: string): IngressError {
  return new IngressError('CERTIFICATE_UNUSABLE', `the new certificate cannot be used: ${why}`, {
    hint: 'Check the clock of this machine.',
  });
}

/** Checks an issued certificate before it replaces another. Throws CERTIFICATE_UNUSABLE. */
function accept(
  { spec, clock, emit }: Deps,
  { certificate: { names }, elapsed }: Issuance,
  { chainPem, keyPem }: IssuedCertificate,
): CertificateBundle {
  const now = clock.now();
  const bundle = readBundle(chainPem, keyPem, now);
  const { serial, notAfter } = bundle.facts;
  const unusable = whyUnusable(bundle.facts, { names, noStaging: spec.noStaging }, now);
  const why =
    unusable?.words ?? (now >= renewalDue(bundle.facts) ? 'it is already due for renewal' : undefined);
  if (why !== undefined) throw newCertificateUnusable(why);
  emit({ type: 'certificate-issued', certificate: names, serial, notAfter, seconds: elapsed() });
  return bundle;
}
