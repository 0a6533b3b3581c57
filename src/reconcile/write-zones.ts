import { applyChallenges, applyZone, type WantedChallenge, type ZoneWrite } from './apply.ts';
import { type WrittenZone, writtenZone } from './await-zone.ts';
import type { Deps } from './deps.ts';
import { authorizationsOf, type Issuance } from './orders.ts';
import type { ObservedRun } from './run.ts';
import type { ObservedZone } from './zones.ts';

/** The writes of a batch, by the zone's id: each resolves as soon as its zone is written, and rejects for an abort only. */
export type ZoneWrites = ReadonlyMap<string, Promise<WrittenZone>>;

/**
 * Starts one write for each zone: its records, the challenges of the orders, and the removal of
 * challenges whose order is over. In zones that an earlier batch has written (`before`) only the challenges
 * of the orders are left to write.
 */
export function startWrites(
  deps: Deps,
  run: ObservedRun,
  zones: readonly ObservedZone[],
  orders: Iterable<Issuance>,
  before: ZoneWrites,
  signal: AbortSignal,
): ZoneWrites {
  const wanted = [...orders].flatMap((issuance) =>
    authorizationsOf(issuance).map(
      ({ value }): WantedChallenge => ({ ...value, isRenewal: issuance.task.stored !== undefined }),
    ),
  );
  const writes = zones.map((zone) => {
    const publish = wanted.filter(({ domain }) => run.zones.of.get(domain) === zone);
    const writing = write(deps, run, zone, publish, before.get(zone.zone.id), signal);
    // Every certificate of the zone hears of it by its own wait.
    writing.catch(() => undefined);
    return [zone.zone.id, writing] as const;
  });
  return new Map(writes);
}

/** The write of the zone that holds a name; undefined when none does. */
export async function writeOf(
  { zones }: Pick<ObservedRun, 'zones'>,
  writes: ZoneWrites,
  domain: string,
): Promise<WrittenZone | undefined> {
  return writes.get(zones.of.get(domain)?.zone.id ?? '');
}

/** Resolves when every zone is written; rejects for an abort only. */
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
  const done: ZoneWrite = last
    ? await applyChallenges(deps, last.write, publish, signal)
    : await applyZone(deps, zone, { facts, publish, retain: retained }, signal);
  if (done.pruneFailure !== undefined) {
    const left = new Set(zone.registered.map(({ domain }) => domain));
    for (const certificate of report.certificates)
      if (certificate.names.some((name) => left.has(name)))
        report.fail(certificate, 'removing an earlier challenge', done.pruneFailure);
  }
  return writtenZone(deps, done, signal);
}
