import { eachConcurrently } from '../async.ts';
import { logDecision, logProgress } from './certificate-log.ts';
import { cleanUp } from './clean-up.ts';
import type { Deps, ManagedCertificate } from './deps.ts';
import { discover } from './discover.ts';
import { allWritten, batchesOf, groupsOf, startWrites, type ZoneGroup, type ZoneWrites } from './group.ts';
import { loadAndServe } from './install.ts';
import { awaitRecordsOf, issueAndServe } from './issue.ts';
import { closeOrders, openOrdersOf, preflightAndOpen, retainedChallenges } from './orders.ts';
import { createServerFinder } from './propagation.ts';
import { decide, dueForRenewal } from './renewal.ts';
import { type ReconcileResult, Report } from './report.ts';
import type { Run } from './run.ts';
import { warnOfLedger } from './unwritable.ts';
import { canOrder, type ObservedRun, observeZones } from './zones.ts';

/** Groups of zones that are reconciled concurrently. */
const GROUPS_AT_ONCE = 5;

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
  const run: Run = { report, loaded, due, retained, facts, findServers: createServerFinder(deps) };
  const zones = await observeZones(deps, run, certificates, signal);
  const groups = groupsOf(
    certificates,
    due.filter((task) => canOrder(task, zones, run)),
    zones,
  );
  await eachConcurrently(GROUPS_AT_ONCE, groups, (group) =>
    reconcileGroup(deps, { ...run, zones }, group, signal),
  );
  report.failUnsaved();
  return report.results;
}

/**
 * Steps 4 to 7, for certificates that share zones. A failure in one group does not stop another.
 */
async function reconcileGroup(
  deps: Deps,
  run: ObservedRun,
  { certificates, due, zones }: ZoneGroup,
  signal: AbortSignal,
): Promise<void> {
  const { report } = run;
  const ordered = new Set<ManagedCertificate>();
  let writes: ZoneWrites = new Map();
  for (const batch of batchesOf(due)) {
    try {
      // 4. Open or resume an order, unless a limit or a preflight check defers it. The ledger is
      // written first.
      const orders = await report.each('certificate', batch, (task) =>
        preflightAndOpen(deps, run, task, signal),
      );
      for (const { certificate } of orders.values()) ordered.add(certificate);
      // 5. One plan and one write for each zone: its records, and a challenge while its order is
      // open.
      writes = startWrites(deps, run, zones, orders.values(), writes, signal);
      // 6. Each certificate alone, as soon as its own zones are written: propagate, validate,
      // issue, store, serve.
      await report.each('certificate', orders.values(), (order) =>
        issueAndServe(deps, run, order, writes, signal),
      );
      await allWritten(writes);
    } finally {
      // 7. Remove the challenges of orders that are over.
      await cleanUp(deps, report, batch, signal);
    }
    logProgress(deps, batch, due);
  }
  await report.each(
    'records',
    certificates,
    (one) => awaitRecordsOf(deps, run, one, { writes, ordered }, signal),
    Number.POSITIVE_INFINITY,
  );
}
