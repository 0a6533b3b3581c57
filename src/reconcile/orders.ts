import {
  type Authority,
  type IssuanceContext,
  type OrderParams,
  openOrder,
  type PendingOrder,
} from '../acme/issuance.ts';
import { type Deferral, isDeferral } from '../acme/ledger/limits.ts';
import type { OrderStore, StoredOrder } from '../acme/ledger/order-store.ts';
import type { PendingAuthorization } from '../acme/order.ts';
import { lifetimeMs } from '../certificates/certificate.ts';
import { certificateId } from '../certificates/renewal/ari.ts';
import type { RenewalDecision } from '../certificates/renewal/policy.ts';
import { stopwatch } from '../clock.ts';
import type { ChallengeValue } from '../records/challenges.ts';
import { type Authorities, type Deps, type ManagedCertificate, orderKey } from './deps.ts';
import type { LoadedCertificate } from './install.ts';
import { authorityFor, deferralAt, preflight } from './preflight.ts';
import { recordingFailure } from './record-failure.ts';
import { originOf, type RenewalTask } from './renewal.ts';
import type { Report } from './report.ts';
import type { ObservedRun } from './zones.ts';

/** An issuance in progress: its order, and the one at the staging CA. */
export interface Issuance {
  readonly certificate: ManagedCertificate;
  readonly task: RenewalTask;
  readonly order: PendingOrder;
  /** The order at the staging CA that is validated first (ACME_STAGING_DRY_RUN). */
  readonly stagingDryRun: PendingOrder | undefined;
  /** Seconds since it was opened. */
  readonly elapsed: () => number;
}

/** All authorizations to validate for a certificate, including those at the staging CA. */
export function authorizationsOf({ order, stagingDryRun }: Issuance): PendingAuthorization[] {
  return [...(stagingDryRun?.authorizations ?? []), ...order.authorizations];
}

/** An order that an earlier run, or process, left open. */
export interface OpenOrder {
  readonly orders: OrderStore;
  readonly stored: StoredOrder;
}

/** The open orders of a certificate at every CA. Throws STORE_FAILED. */
export async function openOrdersOf(
  { primary, fallback, staging }: Authorities,
  { certificate: { names } }: LoadedCertificate,
): Promise<OpenOrder[]> {
  const stores = [primary, fallback?.authority, staging].flatMap((authority) => authority?.orders ?? []);
  const found = await Promise.all(
    stores.map(async (orders) => ({ orders, stored: await orders.peek(orderKey(names)) })),
  );
  return found.flatMap(({ orders, stored }) => (stored ? [{ orders, stored }] : []));
}

type OpenOrders = ReadonlyMap<LoadedCertificate, readonly OpenOrder[]>;
type Decisions = ReadonlyMap<LoadedCertificate, RenewalDecision>;

/**
 * Closes the open orders of a certificate that is not due. A crash has left them open, after their
 * certificate was stored. Throws STORE_FAILED.
 */
export async function closeOrders(
  loaded: LoadedCertificate,
  open: OpenOrders,
  decisions: Decisions,
): Promise<void> {
  const { names, state } = loaded.certificate;
  if (state.unsaved || decisions.get(loaded)?.action !== 'keep') return;
  for (const { orders } of open.get(loaded) ?? []) await orders.remove(orderKey(names));
}

/** The challenges of orders that stay open because they may be resumed. Pure. */
export function retainedChallenges(open: OpenOrders, decisions: Decisions): ChallengeValue[] {
  const staying = [...open].filter(([loaded]) => decisions.get(loaded)?.action !== 'keep');
  return staying.flatMap(([, orders]) => orders.flatMap(({ stored: { values = [] } }) => values));
}

/**
 * Opens the order of a certificate, or resumes the one of an earlier run. If a preflight check or a
 * limit defers it, adds the deferral to the report and returns undefined. Writes the CA's ledger
 * before the request to the CA. Throws what the preflight and the CA throw.
 */
export async function preflightAndOpen(
  deps: Deps,
  { report, zones }: Pick<ObservedRun, 'report' | 'zones'>,
  task: RenewalTask,
  signal: AbortSignal,
): Promise<Issuance | undefined> {
  const { certificate, reason } = task;
  const { emit } = deps;
  const { names } = certificate;
  const elapsed = stopwatch(deps.clock);
  const authority = await authorityFor(deps, task);
  const checking = () => preflight(deps, authority, task, zones, signal);
  const chosen = await recordingFailure(deps, report, { authority, task }, checking);
  if (isDeferral(chosen)) return defer(deps, report, task, deferralAt(deps.authorities, authority, chosen));
  const order = await openAt(deps, report, authority, task, signal);
  if (isDeferral(order)) return defer(deps, report, task, deferralAt(deps.authorities, authority, order));
  emit({ type: 'order', certificate: names, reason });
  const { resumed, stored } = order;
  const { createdAt } = stored;
  emit({ type: 'order-opened', certificate: names, resumed, createdAt, seconds: elapsed() });
  const stagingDryRun = chosen.staging && (await openAt(deps, report, chosen.staging, task, signal));
  if (isDeferral(stagingDryRun)) return defer(deps, report, task, stagingDryRun);
  return { certificate, task, order, stagingDryRun, elapsed };
}

function defer({ emit }: Deps, report: Report, task: RenewalTask, deferral: Deferral): undefined {
  const { until, reason, failure } = deferral;
  report.defer(task, { until, reason });
  const { names: certificate } = task.certificate;
  const isFirst = task.stored === undefined;
  emit({ type: 'order-deferred', certificate, until, reason, failure, isFirst });
}

async function openAt(
  deps: Deps,
  report: Report,
  authority: Authority,
  task: RenewalTask,
  signal: AbortSignal,
) {
  const params = await orderParams(deps, authority, task);
  const opening = () => openOrder(authority, params, issuanceContext(deps, signal));
  return recordingFailure(deps, report, { authority, task }, opening);
}

/** The parameters of a certificate's order at a CA. Throws STORE_FAILED. */
export async function orderParams(
  { spec, authorities }: Pick<Deps, 'spec' | 'authorities'>,
  authority: Authority,
  { certificate: { names }, stored }: RenewalTask,
): Promise<OrderParams> {
  const origin = await originOf(authorities, names, stored);
  return {
    key: orderKey(names),
    names,
    keyType: spec.keyType,
    profile: authority === authorities.primary ? spec.profile : undefined,
    // Only the CA that issued the certificate can know it (RFC 9773 §5).
    replaces: stored && origin === authority ? certificateId(stored.chainPem) : undefined,
    lifetimeMs: stored && lifetimeMs(stored.facts),
  };
}

/** The dependencies that src/acme/issuance.ts takes from the reconciler. */
export function issuanceContext({ clock, newId, warn }: Deps, signal: AbortSignal): IssuanceContext {
  return { clock, newId, warn, signal };
}
