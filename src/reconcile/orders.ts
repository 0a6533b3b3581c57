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
import { problemOf } from '../acme/problem.ts';
import { lifetimeMs } from '../certificates/certificate.ts';
import { certificateId } from '../certificates/renewal/ari.ts';
import type { RenewalDecision } from '../certificates/renewal/policy.ts';
import { stopwatch } from '../clock.ts';
import { type IngressError, isIngressError } from '../errors.ts';
import type { ChallengeValue } from '../records/challenges.ts';
import { isRefusal, orderDelayMs } from './backoff.ts';
import { type Authorities, type Deps, type ManagedCertificate, orderKey } from './deps.ts';
import type { LoadedCertificate } from './install.ts';
import { authorityFor, deferralAt, preflight } from './preflight.ts';
import { originOf, type RenewalTask } from './renewal.ts';
import type { Report } from './report.ts';
import type { ObservedRun } from './zones.ts';

/** An order under way. */
export interface Issuance {
  readonly certificate: ManagedCertificate;
  readonly task: RenewalTask;
  readonly order: PendingOrder;
  /** The order at the staging CA that is validated first (ACME_STAGING_DRY_RUN). */
  readonly stagingDryRun: PendingOrder | undefined;
  /** Seconds since it was opened. */
  readonly elapsed: () => number;
}

/** Every authorization that has to be validated for a certificate, at both CAs. */
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
 * Closes the orders of a certificate that is not due, which a crash has left open: the certificate
 * that they were for is stored. Throws STORE_FAILED.
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

/** The challenges of orders that stay open: they may be resumed. Pure. */
export function retainedChallenges(open: OpenOrders, decisions: Decisions): ChallengeValue[] {
  const staying = [...open].filter(([loaded]) => decisions.get(loaded)?.action !== 'keep');
  return staying.flatMap(([, orders]) => orders.flatMap(({ stored: { values = [] } }) => values));
}

/**
 * Opens the order of a certificate, or resumes the one of an earlier run, unless a preflight check
 * or a limit defers it: then the report says until when, and there is no value. The CA's ledger is
 * written before the CA is asked. Throws what the preflight and the CA throw.
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
  const chosen = await recording(deps, report, authority, task, checking, signal);
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
  return recording(deps, report, authority, task, opening, signal);
}

/** A CA's failure goes into its ledger: how long it has failed decides which CA is asked. */
async function recording<T>(
  deps: Deps,
  report: Report,
  authority: Authority,
  task: RenewalTask,
  ask: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  try {
    return await ask();
  } catch (thrown) {
    signal.throwIfAborted();
    await recordFailure(deps, report, authority, task, undefined, thrown);
    throw thrown;
  }
}

/** What to ask of a CA for a certificate. Throws STORE_FAILED. */
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
    // Only the CA that has issued it can know it (RFC 9773 §5).
    replaces: stored && origin === authority ? certificateId(stored.chainPem) : undefined,
    lifetimeMs: stored && lifetimeMs(stored.facts),
  };
}

/** What the ACME client needs of the reconciler. */
export function issuanceContext({ clock, newId, warn }: Deps, signal: AbortSignal): IssuanceContext {
  return { clock, newId, warn, signal };
}

/**
 * Writes a failed attempt into the CA's ledger, so that the next one waits its time after a restart
 * too. A failure before the CA was asked costs nothing there and is not written. A ledger that
 * cannot be written is reported; it counts an attempt without an end as failed.
 */
export async function recordFailure(
  deps: Deps,
  report: Report,
  { ledger }: Authority,
  task: RenewalTask,
  attempt: string | undefined,
  thrown: unknown,
): Promise<void> {
  const { names } = task.certificate;
  if (!isIngressError(thrown) || !(isRefusal(thrown) || thrown.code.startsWith('ACME_'))) return;
  try {
    const history = await ledger.history();
    const now = deps.clock.now().getTime();
    const pauseUntil = pauseOf(thrown, now);
    const said = { code: thrown.code, message: thrown.message.slice(0, LONGEST_WORDS) };
    if (pauseUntil) await ledger.write({ event: 'pause', until: pauseUntil.toISOString(), ...said });
    const refused = isRefusal(thrown);
    // One line says since when; a day of outage needs no more.
    if (!refused && history.failingSince(names) !== undefined) return;
    const usualMs = orderDelayMs(thrown, history.refusalsInARow(names) + 1, deps.random());
    const orderMs = Math.min(usualMs, longestWaitMs(task, now));
    const notBefore = orderMs > 0 ? new Date(now + orderMs) : undefined;
    if (notBefore) report.defer(task, { until: notBefore, reason: said.message });
    await ledger.write({
      event: 'failed',
      names,
      ...said,
      refused,
      ...(attempt === undefined ? {} : { attempt }),
      ...invalidOf(thrown),
      ...(notBefore === undefined ? {} : { notBefore: notBefore.toISOString() }),
    });
  } catch (error) {
    deps.emit({ type: 'ledger-failed', certificate: names, error });
  }
}

/** Characters; what a CA has to say goes into a line of the ledger. */
const LONGEST_WORDS = 1000;

/**
 * Near its end a certificate of few days cannot wait for a day after each failure; a quarter of
 * what is left still ends in time.
 */
function longestWaitMs({ stored }: RenewalTask, now: number): number {
  if (!stored) return Number.POSITIVE_INFINITY;
  return Math.max((stored.facts.notAfter.getTime() - now) / 4, SHORTEST_LAST_WAIT_MS);
}

/**
 * As the third wait; more often is no use, and would come near the CA's limit of failed
 * validations.
 */
const SHORTEST_LAST_WAIT_MS = 100 * 60_000;

/**
 * Until when a CA asks all its clients to wait: an outage or its limit of requests, not one of the
 * certificate's limits.
 */
function pauseOf(thrown: IngressError, now: number): Date | undefined {
  const status = problemOf(thrown)?.status ?? 0;
  const isOfAll = thrown.code === 'ACME_PROBLEM' && (status >= 500 || (status === 429 && !isRefusal(thrown)));
  return isOfAll && thrown.retryAfterMs !== undefined ? new Date(now + thrown.retryAfterMs) : undefined;
}

function invalidOf({ details }: IngressError): { invalid?: string[] } {
  const { invalid } = details;
  return Array.isArray(invalid) ? { invalid: invalid.filter((name) => typeof name === 'string') } : {};
}
