import type { ZoneState } from '../records/zone-plan.ts';
import { applyAtOnce, type WantedChallenge, type ZoneWants, type ZoneWrite } from './apply.ts';
import { applyChallenges, applyInParts } from './apply-in-parts.ts';
import { type WrittenZone, writtenZone } from './await-zone.ts';
import type { Deps, ManagedCertificate } from './deps.ts';
import { authorizationsOf, type Issuance } from './orders.ts';
import type { RenewalTask } from './renewal.ts';
import type { ObservedRun, ObservedZone, ObservedZones } from './zones.ts';

/** The number of orders that a group processes concurrently; the others follow in batches. */
export const ORDERS_AT_ONCE = 20;

/** Certificates that share zones, and these zones. A failure in one group does not stop another. */
export interface ZoneGroup {
  readonly certificates: readonly ManagedCertificate[];
  readonly due: readonly RenewalTask[];
  readonly zones: readonly ObservedZone[];
}

/**
 * The connected components of certificates and zones. A zone of no certificate is a group of its
 * own. Pure.
 */
export function groupsOf(
  certificates: readonly ManagedCertificate[],
  due: readonly RenewalTask[],
  { all, of }: ObservedZones,
): ZoneGroup[] {
  const groups = certificates.reduce<readonly Omit<ZoneGroup, 'due'>[]>((known, certificate) => {
    const zones = new Set(certificate.names.flatMap((name) => of.get(name) ?? []));
    const sharing = known.filter((group) => group.zones.some((zone) => zones.has(zone)));
    const joined = {
      certificates: [...sharing.flatMap((group) => group.certificates), certificate],
      zones: [...new Set([...sharing.flatMap((group) => group.zones), ...zones])],
    };
    return [...known.filter((group) => !sharing.includes(group)), joined];
  }, []);
  const ofNoName = all.filter((zone) => !groups.some(({ zones }) => zones.includes(zone)));
  return [...groups, ...ofNoName.map((zone) => ({ certificates: [], zones: [zone] }))].map((group) => ({
    ...group,
    due: due.filter(({ certificate }) => group.certificates.includes(certificate)),
  }));
}

/**
 * The tasks in batches; a single empty batch if nothing is due, so that the zones are written.
 * Pure.
 */
export function batchesOf(due: readonly RenewalTask[]): (readonly RenewalTask[])[] {
  const count = Math.max(1, Math.ceil(due.length / ORDERS_AT_ONCE));
  return Array.from({ length: count }, (_, index) =>
    due.slice(index * ORDERS_AT_ONCE, (index + 1) * ORDERS_AT_ONCE),
  );
}

/**
 * The writes of a batch, by zone id. Each resolves as soon as its zone is written, and rejects only
 * on an abort.
 */
export type ZoneWrites = ReadonlyMap<string, Promise<WrittenZone>>;

/**
 * Starts one write for each zone: its records, the challenges of the orders, and the removal of
 * challenges whose order is over. In zones that an earlier batch has written (`before`), writes
 * only the challenges of the orders.
 */
export function startWrites(
  deps: Deps,
  run: ObservedRun,
  zones: readonly ObservedZone[],
  issuances: Iterable<Issuance>,
  before: ZoneWrites,
  signal: AbortSignal,
): ZoneWrites {
  const wanted = [...issuances].flatMap((issuance) =>
    authorizationsOf(issuance).map(
      ({ value }): WantedChallenge => ({ ...value, isRenewal: issuance.task.stored !== undefined }),
    ),
  );
  const writes = zones.map((zone) => {
    const publish = wanted.filter(({ domain }) => run.zones.of.get(domain) === zone);
    const writing = write(deps, run, zone, publish, before.get(zone.zone.id), signal);
    // The wait of every certificate in the zone rejects with it.
    writing.catch(() => undefined);
    return [zone.zone.id, writing] as const;
  });
  return new Map(writes);
}

/** The write of the zone that holds a name; undefined when none does. */
export function writeOf(
  { zones }: Pick<ObservedRun, 'zones'>,
  writes: ZoneWrites,
  domain: string,
): Promise<WrittenZone> | undefined {
  const zone = zones.of.get(domain);
  return zone && writes.get(zone.zone.id);
}

/** Resolves when every zone is written; rejects only on an abort. */
export async function allWritten(writes: ZoneWrites): Promise<void> {
  await Promise.all(writes.values());
}

async function write(
  deps: Deps,
  { report, facts, retained }: ObservedRun,
  zone: ObservedZone,
  publish: readonly WantedChallenge[],
  before: Promise<WrittenZone> | undefined,
  signal: AbortSignal,
): Promise<WrittenZone> {
  const last = await before;
  const done = last
    ? await applyChallenges(deps, last.write, publish, signal)
    : await applyZone(deps, zone, { facts, publish, retain: retained }, signal);
  if (done.pruneFailure !== undefined) {
    const left = new Set(zone.journalled.map(({ domain }) => domain));
    for (const certificate of report.certificates)
      if (certificate.names.some((name) => left.has(name)))
        report.fail(certificate, 'removing an earlier challenge', done.pruneFailure);
  }
  return writtenZone(deps, done, signal);
}

/**
 * Brings a zone to its desired state in one write, or in parts if the provider refuses that.
 * Failures are part of the result; rejects only with the signal's reason.
 */
export async function applyZone(
  deps: Deps,
  zone: ZoneState,
  wants: ZoneWants,
  signal: AbortSignal,
): Promise<ZoneWrite> {
  try {
    return await applyAtOnce(deps, zone, wants, signal);
  } catch (failure) {
    signal.throwIfAborted();
    return applyInParts(deps, zone, wants, failure, signal);
  }
}

/**
 * The writes for later waits, which must not publish again the challenges that were removed
 * meanwhile.
 */
export function withoutChallenges(deps: Deps, writes: ZoneWrites, signal: AbortSignal): ZoneWrites {
  const later = async (writing: Promise<WrittenZone>) =>
    writtenZone(deps, { ...(await writing).write, challenges: [] }, signal);
  return new Map([...writes].map(([id, writing]) => [id, later(writing)]));
}
