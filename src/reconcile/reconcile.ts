import { eachConcurrently, Semaphore } from '../async.ts';
import { logDecision, logProgress } from './certificate-log.ts';
import { cleanUp } from './clean-up.ts';
import type { Deps, ManagedCertificate } from './deps.ts';
import { discover } from './discover.ts';
import {
  allWritten,
  batchesOf,
  groupsOf,
  ORDERS_AT_ONCE,
  startWrites,
  withoutChallenges,
  type ZoneGroup,
} from './group.ts';
import { loadAndServe } from './install.ts';
import { awaitRecordsOf, type GroupWork, issueAndServe } from './issue.ts';
import { closeOrders, openOrdersOf, preflightAndOpen, retainedChallenges } from './orders.ts';
import { createServerFinder } from './propagation.ts';
import { decide, dueForRenewal, type RenewalTask } from './renewal.ts';
import { type ReconcileResult, Report } from './report.ts';
import type { Run } from './run.ts';
import { warnOfLedger } from './unwritable.ts';
import { canOrder, type ObservedRun, type ObservedZone, observeZones } from './zones.ts';

/**
 * Brings the served certificates, the records and the stored certificates to the state that the
 * configuration describes. The first run and all later ones are the same: the state is on the
 * volume, in the zones and at the CA, and a second run changes nothing. A step that fails stops
 * only the steps that need its value. Rejects only on an abort.
 */
export async function reconcile(
  deps: Deps,
  certificates: readonly ManagedCertificate[],
  signal: AbortSignal,
): Promise<readonly ReconcileResult[]> {
  const report = new Report(certificates, signal);
  // 1. Serve the stored certificates before any request, each as soon as it is loaded.
  await warnOfLedger(deps);
  const loaded = await report.each('serving', certificates, (one) => loadAndServe(deps, report, one));
  // 2. Decide which certificates are due, by the policy and the CA's advice.
  const open = await report.each('open order', loaded.values(), (one) => openOrdersOf(deps.authorities, one));
  const decisions = await report.each('renewal', open.keys(), (one) => decide(deps, one, signal));
  for (const [one, decision] of decisions) logDecision(deps, report, one, decision);
  await report.each('open order', decisions.keys(), (one) => closeOrders(one, open, decisions));
  const due = dueForRenewal(decisions);
  // 3. Observe our identity, the gateway and the accounts; then read each zone once.
  const facts = await discover(deps, signal);
  const retained = retainedChallenges(open, decisions);
  const prunable = new Set([...open.keys()].map(({ certificate }) => certificate));
  const findServers = createServerFinder(deps);
  const run: Run = { report, loaded, due, prunable, retained, facts, findServers };
  const zones = await observeZones(deps, run, certificates, signal);
  const groups = groupsOf(
    certificates,
    due.filter((task) => canOrder(task, zones, run)),
    zones,
  );
  const slots = new Semaphore(ORDERS_AT_ONCE);
  await eachConcurrently(groups.length, groups, (group) =>
    reconcileGroup(deps, { ...run, zones }, group, slots, signal),
  );
  report.failUnsaved();
  return report.results;
}

/**
 * Certificates that share zones: their orders in batches, and the records of them all. A failure in
 * one group does not stop another.
 */
async function reconcileGroup(
  deps: Deps,
  run: ObservedRun,
  group: ZoneGroup,
  slots: Semaphore,
  signal: AbortSignal,
): Promise<void> {
  let work: GroupWork = { writes: new Map(), ordered: new Set() };
  for (const batch of batchesOf(group.due)) {
    const next = () => reconcileBatch(deps, run, group.zones, batch, work, signal);
    work = await slots.run(batch.length, next, signal);
    logProgress(deps, run, batch);
  }
  const { report } = run;
  const awaitRecords = (one: ManagedCertificate) => awaitRecordsOf(deps, run, one, work, signal);
  await report.each('records', group.certificates, awaitRecords, group.certificates.length);
}

async function reconcileBatch(
  deps: Deps,
  run: ObservedRun,
  zones: readonly ObservedZone[],
  batch: readonly RenewalTask[],
  before: GroupWork,
  signal: AbortSignal,
): Promise<GroupWork> {
  const { report } = run;
  try {
    // 4. Open or resume an order, unless a limit or a preflight check defers it. The ledger is
    // written first.
    const issuances = await report.each('certificate', batch, (task) =>
      preflightAndOpen(deps, run, task, signal),
    );
    // 5. One plan and one write for each zone: its records, and a challenge while its order is in
    // progress.
    const writes = startWrites(deps, run, zones, issuances.values(), before.writes, signal);
    // 6. Each certificate alone, as soon as its own zones are written: propagate, validate, issue,
    // store, serve.
    await report.each('certificate', issuances.values(), (issuance) =>
      issueAndServe(deps, run, issuance, writes, signal),
    );
    await allWritten(writes);
    const certificates = [...issuances.values()].map(({ certificate }) => certificate);
    return {
      writes: withoutChallenges(deps, writes, signal),
      ordered: new Set([...before.ordered, ...certificates]),
    };
  } finally {
    // 7. Remove the challenges of orders that are over.
    await cleanUp(deps, report, batch, signal);
  }
}
