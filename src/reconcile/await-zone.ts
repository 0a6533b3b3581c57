import type { Expectation } from '../dns/probe.ts';
import type { Rr } from '../dns/query.ts';
import { challengeTtl } from '../records/challenges.ts';
import type { DesiredRecord } from '../records/desired.ts';
import { journalledChallenges } from '../records/journal.ts';
import { desiredOf } from '../records/zone-plan.ts';
import { type ChallengeOutcome, reapplyZone, type ZoneWrite } from './apply.ts';
import type { Deps, ManagedCertificate } from './deps.ts';
import { awaitPropagation, type FindServers } from './propagation.ts';

/**
 * Milliseconds after which a zone is read again while records are pending; quick name servers serve
 * them sooner.
 */
const REAPPLY_AFTER_MS = 5000;

/** Milliseconds; Let's Encrypt's resolvers cache an answer for its TTL, and no longer than this. */
const LONGEST_CACHED_MS = 60_000;

/** The answer to a dns-01 challenge: a SHA-256 digest in base64url (RFC 8555 §8.4). */
const ANSWER = /^[\w-]{43}$/;

/** A zone that was written in this run. */
export interface WrittenZone {
  readonly write: ZoneWrite;
  /** Reads the zone again and writes what is missing; calls within a few seconds share one read. */
  readonly reapply: () => Promise<ZoneWrite>;
}

export function writtenZone(deps: Deps, write: ZoneWrite, signal: AbortSignal): WrittenZone {
  let last: { readonly at: number; readonly done: Promise<ZoneWrite> } | undefined;
  return {
    write,
    reapply: () => {
      const at = deps.clock.now().getTime();
      const age = last ? at - last.at : Number.POSITIVE_INFINITY;
      if (!last || age < 0 || age >= REAPPLY_AFTER_MS) last = { at, done: reapplyZone(deps, write, signal) };
      return last.done;
    },
  };
}

/** The parameters of a wait for a zone, on behalf of one certificate. */
export interface ZoneWait {
  readonly certificate: ManagedCertificate;
  /** Whether the wait may pass over servers that do not answer before its timeout. */
  readonly urgent: boolean;
  readonly findServers: FindServers;
}

/**
 * Waits until every authoritative name server serves the records that were written for a name,
 * unless they have propagated before. While they are pending, reads the zone repeatedly, and stops
 * waiting for records of which another container has become the owner. Throws DNS_LOOKUP_FAILED and
 * PROPAGATION_TIMEOUT.
 */
export async function awaitRecords(
  deps: Deps,
  { write, reapply }: WrittenZone,
  domain: string,
  { certificate, urgent, findServers }: ZoneWait,
  signal: AbortSignal,
): Promise<void> {
  const { pending } = deps.shared;
  const { plan, zone, writtenAt } = write;
  if (!plan?.names.has(domain) || !pending.has(domain)) return;
  let desired = desiredOf(plan, domain);
  const expectations = async () => {
    const again = await quietly(deps, certificate, reapply, signal);
    desired = again?.plan ? desiredOf(again.plan, domain) : desired;
    return desired.map(expectationOf);
  };
  await awaitPropagation(
    deps,
    {
      ...{ what: 'records', domain, zone: zone.zone, findServers, urgent, writtenAt },
      ...{ certificate: certificate.names, expected: desired.map(expectationOf) },
      refresh: { afterMs: REAPPLY_AFTER_MS, expectations },
    },
    signal,
  );
  pending.delete(domain);
}

function expectationOf(record: DesiredRecord): Expectation {
  return { record, alone: record.purpose === 'app-address' };
}

/**
 * Waits until every authoritative name server serves the challenges of a certificate, and rewrites
 * a value that has vanished from the zone. If another owner has a challenge at the same name, then
 * waits for the caches of the CA's resolvers. Throws DNS_LOOKUP_FAILED, PROPAGATION_TIMEOUT and
 * STORE_FAILED.
 */
export async function awaitChallenges(
  deps: Deps,
  { write, reapply }: WrittenZone,
  own: readonly ChallengeOutcome[],
  { certificate, urgent, findServers }: ZoneWait,
  signal: AbortSignal,
): Promise<void> {
  const [first] = own;
  if (first === undefined) return;
  const { zone, writtenAt } = write;
  const expected = own.flatMap(({ record }) => (record ? [{ record }] : []));
  const { siblings } = await awaitPropagation(
    deps,
    {
      ...{
        what: 'challenge',
        zone: zone.zone,
        findServers,
        urgent,
        writtenAt,
        certificate: certificate.names,
      },
      ...{ domain: first.value.domain, expected },
      refresh: {
        afterMs: REAPPLY_AFTER_MS,
        expectations: async () => {
          await quietly(deps, certificate, reapply, signal);
          return expected;
        },
      },
    },
    signal,
  );
  await waitForCaches(deps, write, own, siblings, certificate, signal);
}

/** Reapplies the zone. A failure is reported, and does not end the wait. */
async function quietly(
  { emit }: Deps,
  { names: certificate }: ManagedCertificate,
  reapply: () => Promise<ZoneWrite>,
  signal: AbortSignal,
): Promise<ZoneWrite | undefined> {
  try {
    return await reapply();
  } catch (error) {
    signal.throwIfAborted();
    emit({ type: 'step-failed', certificate, step: 'reading the zone again', error, stillWaiting: true });
    return undefined;
  }
}

/**
 * If another owner has a challenge at the same name, waits until the CA's resolvers can no longer
 * cache an answer without ours. A challenge that is gone counts too, because the CA has looked it
 * up. Throws STORE_FAILED.
 */
async function waitForCaches(
  deps: Deps,
  { zone, challenges, writtenAt }: ZoneWrite,
  own: readonly ChallengeOutcome[],
  siblings: readonly Rr[],
  { names: certificate }: ManagedCertificate,
  signal: AbortSignal,
): Promise<void> {
  const { clock, provider, emit } = deps;
  const owners = new Set(own.map(({ value: { name } }) => name));
  const read = (zone.current ?? []).filter(({ name, type }) => type === 'TXT' && owners.has(name));
  // The preflight has waited for our earlier challenges. Those in an unreadable journal count as
  // foreign, which costs at most another wait.
  const domains = [...new Set(challenges.map(({ value: { domain } }) => domain))];
  const journalled = await Promise.all(
    domains.map((domain) => journalledChallenges(deps, domain).catch(() => [])),
  );
  const ours = [...challenges.map(({ value }) => value), ...zone.journalled, ...journalled.flat()];
  const foreign = [...read, ...siblings].find(
    ({ name, value }) => ANSWER.test(value) && !ours.some((one) => one.name === name && one.value === value),
  );
  if (foreign === undefined) return;
  const cachedMs = Math.min(challengeTtl(provider.capabilities) * 1000, LONGEST_CACHED_MS);
  const until = new Date(writtenAt.getTime() + cachedMs);
  // Setting the clock back does not make the wait longer.
  const leftMs = Math.min(until.getTime() - clock.now().getTime(), LONGEST_CACHED_MS);
  if (leftMs <= 0) return;
  emit({ type: 'waiting', for: 'resolvers', certificate, name: foreign.name, until });
  await clock.wait(leftMs, signal);
}
