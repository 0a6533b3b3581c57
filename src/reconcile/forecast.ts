import { orderDeferral } from '../acme/issuance.ts';
import type { PastFailure } from '../acme/ledger/deferral.ts';
import { type Deferral, isDeferral } from '../acme/ledger/limits.ts';
import type { CertificateBundle, CertificateFacts, CertificateNames } from '../certificates/certificate.ts';
import { type Ending, endingOf } from '../certificates/renewal/ending.ts';
import type { RenewalDecision } from '../certificates/renewal/policy.ts';
import type { Zone } from '../dns/provider.ts';
import { type Change, type CurrentRecord, type DnsRecord, sameData } from '../dns/record.ts';
import { type IngressError, isIngressError } from '../errors.ts';
import { toRecord } from '../records/challenges.ts';
import type { ManagedCertificate, ReadDeps } from './deps.ts';
import { discover } from './discover.ts';
import type { LoadedCertificate } from './install.ts';
import { orderParams } from './orders.ts';
import { authorityFor, deferralAt, preflight } from './preflight.ts';
import { createServerFinder } from './propagation.ts';
import { decide, dueForRenewal, type RenewalTask } from './renewal.ts';
import { Report } from './report.ts';
import type { Run } from './run.ts';
import { canOrder, type ObservedZone, type ObservedZones, observeZones } from './zones.ts';

/** What a reconciliation of all certificates would do now. */
export interface Forecast {
  /** The provider's name. */
  readonly provider: string;
  /** All served names, whether or not their records can be planned. */
  readonly names: readonly string[];
  /** Names whose records cannot be planned; the failures say why. */
  readonly unplanned: readonly string[];
  readonly zones: readonly ZoneForecast[];
  readonly certificates: readonly CertificateForecast[];
  /** What would fail for a certificate before anything is written. */
  readonly failures: readonly { readonly domain: string; readonly error: IngressError }[];
}

export interface ZoneForecast {
  readonly zone: Zone;
  /** The served names that have their records here. */
  readonly names: readonly string[];
  readonly changes: readonly Change[];
  /** Desired records that are in the zone already. */
  readonly unchanged: readonly DnsRecord[];
  /** Challenge values that an earlier run left in the zone, and that would be removed. */
  readonly leftovers: readonly CurrentRecord[];
}

export interface CertificateForecast {
  readonly names: CertificateNames;
  readonly stored: CertificateFacts | undefined;
  /** How near its end the stored one is; undefined before renewal is urgent. */
  readonly ending: Ending | undefined;
  readonly decision: RenewalDecision;
  /** Why an order that is due would not be opened yet. */
  readonly deferral: Deferral | undefined;
  /**
   * Why an order that is due would not be opened at all: the error that a start would fail with.
   */
  readonly refused: IngressError | undefined;
  /** Why the CA refused the last order. */
  readonly lastRefusal: PastFailure | undefined;
}

/**
 * Determines what a reconciliation would do, by running its steps up to the first write. Writes
 * nothing: no record, no file, no ACME account. Reports each failure with its certificate.
 */
export async function forecast(
  deps: ReadDeps,
  certificates: readonly ManagedCertificate[],
  signal: AbortSignal,
): Promise<Forecast> {
  const report = new Report(certificates, signal);
  const loaded = await report.each('certificate on the volume', certificates, (one) => peekStored(deps, one));
  const decisions = await report.each('renewal', loaded.values(), (one) => decide(deps, one, signal));
  await warnOfUnwritable(deps, certificates, decisions);
  const due = dueForRenewal(decisions);
  const facts = await discover(deps, signal);
  const prunable = new Set(loaded.keys());
  const findServers = createServerFinder(deps);
  const run: Run = { report, loaded, due, prunable, retained: [], facts, findServers };
  const zones = await observeZones(deps, run, certificates, signal);
  const able = new Set(due.filter((task) => canOrder(task, zones, run)).map((task) => task.certificate));
  const foreseen = [...decisions].filter(
    ([{ certificate }, { action }]) => action === 'keep' || able.has(certificate),
  );
  warnOfEndings(deps, certificates, loaded, new Map(foreseen));
  const names = certificates.flatMap((certificate) => certificate.names);
  const planned = zones.all.filter(({ plan, names: { length } }) => plan !== undefined && length > 0);
  const forecasts: CertificateForecast[] = [];
  for (const [one, decision] of foreseen)
    forecasts.push(await forecastCertificate(deps, report, one, decision, zones, signal));
  return {
    provider: deps.provider.name,
    names,
    unplanned: names.filter((name) => !zones.of.get(name)?.plan),
    zones: planned.map(forecastZone),
    certificates: forecasts,
    failures: report.results.flatMap(({ certificate }) => failuresOf(report, certificate)),
  };
}

interface PeekDeps extends Pick<ReadDeps, 'warn'> {
  readonly store: Pick<ReadDeps['store'], 'peek'>;
}

/** Files that do not match count as no certificate, as in a reconciliation. */
export async function peekStored(
  { store, warn }: PeekDeps,
  certificate: ManagedCertificate,
): Promise<LoadedCertificate> {
  try {
    return { certificate, stored: await store.peek(certificate.names) };
  } catch (thrown) {
    if (!isIngressError(thrown, 'CERTIFICATE_UNUSABLE')) throw thrown;
    warn(`the stored certificate cannot be served: ${thrown.message}`);
    return { certificate, stored: undefined };
  }
}

async function warnOfUnwritable(
  deps: ReadDeps,
  certificates: readonly ManagedCertificate[],
  decisions: ReadonlyMap<LoadedCertificate, RenewalDecision>,
): Promise<void> {
  const due = new Set(dueForRenewal(decisions).map(({ certificate }) => certificate));
  for (const certificate of certificates) {
    const blocked = await whyBlocked(deps, certificate.names);
    const unwritable = (await deps.store.whyUnwritable(certificate.names)) ?? blocked;
    // A fault that blocks an order is reported with the order.
    const isReportedLater = due.has(certificate) && blocked !== undefined;
    if (unwritable && !isReportedLater) deps.warn(`${unwritable.message}. ${unwritable.hint}`);
  }
}

/** Why the journal or the ledger cannot be written, without which no order is opened. */
async function whyBlocked(
  { journalOf, authorities }: ReadDeps,
  [first]: CertificateNames,
): Promise<IngressError | undefined> {
  return (await journalOf(first).whyUnwritable()) ?? (await authorities.primary.ledger.whyUnwritable());
}

/** Warns of certificates that end soon and have no forecast, which would say so. */
function warnOfEndings(
  { warn, clock }: ReadDeps,
  certificates: readonly ManagedCertificate[],
  loaded: ReadonlyMap<ManagedCertificate, LoadedCertificate>,
  foreseen: ReadonlyMap<LoadedCertificate, RenewalDecision>,
): void {
  for (const certificate of certificates) {
    const one = loaded.get(certificate);
    const ending = one?.stored && endingOf(one.stored.facts, clock.now());
    if (one && ending && !foreseen.has(one))
      warn(`the certificate for ${certificate.names.join(', ')} ${ending.words}`);
  }
}

function forecastZone({ zone, names, current = [], journalled, plan }: ObservedZone): ZoneForecast {
  const { changes = [], desired = [] } = plan ?? {};
  return {
    zone,
    names: names.map(({ domain }) => domain),
    changes,
    unchanged: desired.filter((record) => !changes.some((change) => writes(change, record))),
    leftovers: current.filter((record) => journalled.some((one) => sameData(toRecord(one), record))),
  };
}

async function forecastCertificate(
  deps: ReadDeps,
  report: Report,
  { certificate, stored }: LoadedCertificate,
  decision: RenewalDecision,
  zones: ObservedZones,
  signal: AbortSignal,
): Promise<CertificateForecast> {
  const known = { ...endingAndFacts(deps, stored), names: certificate.names, decision };
  if (decision.action === 'keep')
    return { ...known, deferral: undefined, refused: undefined, lastRefusal: undefined };
  const task = { certificate, stored, reason: decision.reason, urgent: decision.urgent };
  const check = async () => ({ deferral: await whyDeferred(deps, task, zones, signal) });
  const checked = await report.shared('certificate', [certificate], check);
  const refused = checked ? undefined : failuresOf(report, certificate).at(-1)?.error;
  const history = () => deps.authorities.primary.ledger.history();
  const past = await report.shared('certificate', [certificate], history);
  return {
    ...known,
    deferral: checked?.deferral,
    refused,
    lastRefusal: past?.lastRefusal(certificate.names),
  };
}

function endingAndFacts({ clock }: ReadDeps, stored: CertificateBundle | undefined) {
  return { stored: stored?.facts, ending: stored && endingOf(stored.facts, clock.now()) };
}

/** Why the preflight or our limits would defer an order that is due. */
async function whyDeferred(
  deps: ReadDeps,
  task: RenewalTask,
  zones: ObservedZones,
  signal: AbortSignal,
): Promise<Deferral | undefined> {
  const blocked = await whyBlocked(deps, task.certificate.names);
  if (blocked) throw blocked;
  const authority = await authorityFor(deps, task);
  const chosen = await preflight(deps, authority, task, zones, signal);
  const params = await orderParams(deps, authority, task);
  const deferral = isDeferral(chosen) ? chosen : await orderDeferral(authority, params, deps);
  return deferral && deferralAt(deps.authorities, authority, deferral);
}

function failuresOf(report: Report, certificate: ManagedCertificate) {
  const result = report.results.find((one) => one.certificate === certificate);
  return (result?.failures ?? []).map(({ failure: error }) => {
    if (!isIngressError(error)) throw error;
    return { domain: certificate.names[0], error };
  });
}

function writes(change: Change, record: DnsRecord): boolean {
  return change.action !== 'remove' && sameData(change.record, record);
}
