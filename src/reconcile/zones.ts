import { eachConcurrently } from '../async.ts';
import { baseName, challengeName } from '../dns/name.ts';
import type { Zone } from '../dns/provider.ts';
import type { CurrentRecord } from '../dns/record.ts';
import { delegationFault, findZoneCut } from '../dns/zone-cut.ts';
import type { IngressError } from '../errors.ts';
import type { JournalledChallenge } from '../records/challenges.ts';
import { gatewayFault } from '../records/gateway-fault.ts';
import { type Journals, journalledChallenges } from '../records/journal.ts';
import { ownerNames } from '../records/name-records.ts';
import {
  NO_CHALLENGES,
  type PlanContext,
  planZone,
  type ZoneName,
  type ZonePlan,
  type ZoneState,
} from '../records/zone-plan.ts';
import type { ManagedCertificate, ReadDeps } from './deps.ts';
import type { Facts } from './discover.ts';
import type { FindServers } from './propagation.ts';
import type { RenewalTask } from './renewal.ts';
import type { Report } from './report.ts';
import { isCertified, type Run } from './run.ts';

const ZONES_AT_ONCE = 5;
const NAMES_AT_ONCE = 10;
/**
 * Milliseconds. The delegation is checked while the provider is queried, and must not slow down a
 * start.
 */
const DELEGATION_TIMEOUT_MS = 3000;
/** The subject of a warning that served names may be unreachable. */
export const GATEWAY = 'GATEWAY_DOMAIN';

/** A zone as it was read, and the plan of its records. */
export interface ObservedZone extends ZoneState {
  /** Without challenges. Undefined when the zone was not read. */
  readonly plan: ZonePlan | undefined;
  /** The owner names that were read. */
  readonly readNames: readonly string[];
}

/** The zones of a reconciliation. */
export interface ObservedZones {
  readonly all: readonly ObservedZone[];
  /** The zone of each name for which one was found. */
  readonly of: ReadonlyMap<string, ObservedZone>;
}

/** What a reconciliation has determined before it writes. */
export interface ObservedRun extends Run {
  readonly zones: ObservedZones;
}

/**
 * Finds the zone of every name, reads each zone once and plans its records. If the desired records
 * are unknown, finds only the zones of certificates that can be ordered without them, and does not
 * read these. Leaves out a name that the public DNS delegates to another zone. Reports failures for
 * the certificates that they concern. Writes nothing.
 */
export async function observeZones(
  deps: ReadDeps,
  run: Run,
  certificates: readonly ManagedCertificate[],
  signal: AbortSignal,
): Promise<ObservedZones> {
  const { report, facts } = run;
  if (facts.failure !== undefined) for (const one of certificates) report.fail(one, 'records', facts.failure);
  const mayIssue = (one: ManagedCertificate) => isDue(run, one) && canIssueWithoutRecords(run, one);
  const concerned = facts.records ? certificates : certificates.filter(mayIssue);
  const prunable = certificates.filter((one) => run.prunable.has(one));
  const journalled = await readJournals(deps, report, 'removing an earlier challenge', prunable);
  const found = await findZones(deps, report, concerned, journalled, signal);
  const all: ObservedZone[] = [];
  await eachConcurrently(Math.min(ZONES_AT_ONCE, found.length), found, async (zone) => {
    all.push(await observeZone(deps, run, zone, signal));
  });
  const of = new Map(all.flatMap((zone) => zone.names.map(({ domain }) => [domain, zone] as const)));
  warnOfGateway(deps, facts, certificates, all);
  return { all, of };
}

/**
 * Whether an order may be opened while the records of its names are unknown: for a renewal, or if
 * only our identity is unknown, which certificates do not depend on.
 */
function canIssueWithoutRecords(
  run: Pick<Run, 'loaded' | 'facts'>,
  certificate: ManagedCertificate,
): boolean {
  return isCertified(run, certificate) || run.facts.isUnidentified;
}

/**
 * Whether enough is known about the zones of a certificate for an order: a first certificate needs
 * the plan of its records.
 */
export function canOrder(
  { certificate }: Pick<RenewalTask, 'certificate'>,
  zones: ObservedZones,
  run: Pick<Run, 'loaded' | 'facts'>,
): boolean {
  const isEnough = (zone: ObservedZone) =>
    zone.plan !== undefined || canIssueWithoutRecords(run, certificate);
  const own = certificate.names.map((name) => zones.of.get(name));
  return own.every((zone) => zone !== undefined && isEnough(zone));
}

function isDue({ due }: Pick<Run, 'due'>, certificate: ManagedCertificate): boolean {
  return due.some((task) => task.certificate === certificate);
}

/** The inputs of a plan other than the zone. */
export function planContext({ spec, provider, shared }: ReadDeps, { records: facts }: Facts): PlanContext {
  return { spec, capabilities: provider.capabilities, facts, claimed: shared.claimed };
}

/** Reads the current records of a zone that its plan needs. Throws what the provider throws. */
export async function readZone(
  deps: ReadDeps,
  state: Omit<ZoneState, 'current'>,
  signal: AbortSignal,
): Promise<readonly CurrentRecord[]> {
  return deps.provider.records(state.zone, readNames(deps, state), signal);
}

function readNames(
  { spec }: ReadDeps,
  { names, journalled }: Pick<ZoneState, 'names' | 'journalled'>,
): readonly string[] {
  const owners = names.flatMap(({ domain }) => ownerNames(domain, spec));
  return [...new Set([...owners, ...journalled.map(({ name }) => name)])];
}

/**
 * The journalled challenges of certificates. A journal that cannot be read is a failure of `step`,
 * for its certificate only. Never rejects.
 */
export async function readJournals(
  deps: Journals,
  report: Report,
  step: string,
  certificates: readonly ManagedCertificate[],
): Promise<readonly JournalledChallenge[]> {
  const found: JournalledChallenge[] = [];
  for (const certificate of certificates)
    for (const name of certificate.names)
      try {
        found.push(...(await journalledChallenges(deps, name)));
      } catch (failure) {
        report.fail(certificate, step, failure);
      }
  return found;
}

interface FoundName extends ZoneName {
  readonly certificate: ManagedCertificate;
}

interface FoundZone {
  readonly zone: Zone;
  readonly names: FoundName[];
  readonly journalled: JournalledChallenge[];
}

/** The zones of the names, and zones that only have journalled challenges. */
async function findZones(
  { provider }: ReadDeps,
  report: Report,
  certificates: readonly ManagedCertificate[],
  journalled: readonly JournalledChallenge[],
  signal: AbortSignal,
): Promise<readonly FoundZone[]> {
  const found = new Map<string, FoundZone>();
  const zoneOf = (zone: Zone): FoundZone => {
    const known = found.get(zone.id) ?? { zone, names: [], journalled: [] };
    found.set(zone.id, known);
    return known;
  };
  // Sequential: the first response often has all zones, and the adapter caches them.
  for (const certificate of certificates)
    for (const domain of certificate.names) {
      const find = () => provider.zone(baseName(domain), signal);
      const zone = await report.shared('records', [certificate], find);
      if (zone) zoneOf(zone).names.push({ domain, certified: false, certificate });
    }
  for (const one of journalled) zoneOf({ id: one.zoneId, name: one.zoneName }).journalled.push(one);
  return [...found.values()];
}

/** Reads a zone and plans the records of its names. */
async function observeZone(
  deps: ReadDeps,
  run: Run,
  { zone, names: found, journalled }: FoundZone,
  signal: AbortSignal,
): Promise<ObservedZone> {
  const { report, facts, findServers } = run;
  const names = found.map((name) => ({ ...name, certified: isCertified(run, name.certificate) }));
  const certificates = new Set(names.map(({ certificate }) => certificate));
  const isRead = facts.records !== undefined && names.length > 0;
  const read = () => readZone(deps, { zone, names, journalled }, signal);
  const candidates = names.map(({ domain, certificate }) => ({ domain, again: isDue(run, certificate) }));
  // Concurrent, so that a start does not wait for the delegation check.
  const [current, faults] = await Promise.all([
    isRead ? report.shared('records', certificates, read) : undefined,
    findDelegationFaults(deps, zone, candidates, findServers, signal),
  ]);
  // If the read failed, the provider's error probably has the same cause.
  const isSaid = isRead && current === undefined;
  for (const { domain, certificate } of names)
    if (faults.has(domain) && !isSaid) report.fail(certificate, 'records', faults.get(domain));
  const state: ZoneState = {
    ...{ zone, current, journalled },
    names: names.filter(({ domain }) => !faults.has(domain)),
  };
  const plan = current && planZone(state, NO_CHALLENGES, planContext(deps, facts));
  for (const warning of plan?.warnings ?? []) deps.warn(warning);
  return { ...state, plan, readNames: current ? readNames(deps, { names, journalled }) : [] };
}

/**
 * Warns in every reconciliation, even if the records are unknown: no client reaches the app, and no
 * other step fails because of it.
 */
function warnOfGateway(
  { spec, warnOf }: ReadDeps,
  { gateway }: Facts,
  certificates: readonly ManagedCertificate[],
  zones: readonly ObservedZone[],
): void {
  const desired = zones.flatMap(({ plan }) => plan?.desired ?? []);
  const fault = gatewayFault({
    ...gateway,
    addresses: gateway.configured,
    injected: spec.injectedGateway,
    injectedAddresses: gateway.injected,
    names: certificates.flatMap(({ names }) => names),
    aliases: desired.filter(({ purpose }) => purpose === 'alias'),
  });
  warnOf(GATEWAY, fault);
}

/**
 * Finds names whose zone at the provider is not the one that the public DNS uses for them: it
 * delegates them to another zone, or is not delegated itself. An unknown delegation is not a fault.
 * This process checks a name whose delegation was right again only if `again` is set. Rejects only
 * on an abort.
 */
async function findDelegationFaults(
  deps: ReadDeps,
  zone: Zone,
  names: readonly { readonly domain: string; readonly again: boolean }[],
  findServers: FindServers,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, IngressError>> {
  const { delegated } = deps.shared;
  const faults = new Map<string, IngressError>();
  const checked = names.filter(({ domain, again }) => again || !delegated.has(domain));
  const limit = AbortSignal.any([signal, AbortSignal.timeout(DELEGATION_TIMEOUT_MS)]);
  await eachConcurrently(Math.min(NAMES_AT_ONCE, checked.length), checked, async ({ domain }) => {
    delegated.add(domain);
    try {
      const fault = await findDelegationFault(deps, domain, zone, findServers, limit);
      if (!fault) return;
      faults.set(domain, fault);
      delegated.delete(domain);
    } catch {
      // The wait for the records will find the cause and report it.
      signal.throwIfAborted();
    }
  });
  return faults;
}

async function findDelegationFault(
  { query, warnOf }: ReadDeps,
  domain: string,
  zone: Zone,
  findServers: FindServers,
  signal: AbortSignal,
): Promise<IngressError | undefined> {
  const { name: apex } = zone;
  if (apex === undefined) return undefined;
  const servers = await findServers(domain, zone, signal);
  const { apex: holder, isAuthoritative } = await findZoneCut(challengeName(domain), servers, query, signal);
  const fault = holder === apex ? undefined : await toDelegationFault(domain, apex, holder);
  if (fault && isAuthoritative) return fault;
  warnOf(`zone of ${domain}`, fault && unconfirmedDelegationFault(fault));
  return undefined;
}

/** The warning about a delegation that only the resolvers have reported. Pure. */
export function unconfirmedDelegationFault({ message }: IngressError): string {
  return `${message} (according to the resolvers; no name server could be queried)`;
}

async function toDelegationFault(
  domain: string,
  zone: string,
  holder: string,
): Promise<IngressError | undefined> {
  // The public suffix list is large and rarely needed.
  const { registeredDomain } = await import('../acme/ledger/registered-domain.ts');
  return delegationFault(
    { domain: baseName(domain), zone, registeredDomain: registeredDomain(zone) },
    holder,
  );
}
