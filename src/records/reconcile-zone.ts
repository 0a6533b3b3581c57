import type { DnsProvider, Zone } from '../dns/provider.ts';
import { type Change, type CurrentRecord, describeRecord } from '../dns/record.ts';
import { IngressError, isIngressError } from '../errors.ts';
import type { DesiredRecord } from './desired.ts';
import { aliasInTheWay, type OwnershipOf, type Plan, plan } from './plan.ts';

/** What is desired of one zone. */
export interface ZoneDraft {
  readonly zone: Zone;
  /** The owner names to read. */
  readonly names: readonly string[];
  /** The desired records, given what stands at these names now: some choices stay as they are published. */
  readonly desire: (live: readonly CurrentRecord[]) => readonly DesiredRecord[];
  /** What each name is to us, given what stands there (see claim.ts). Default: all are taken. */
  readonly ownerships?: (desired: readonly DesiredRecord[], live: readonly CurrentRecord[]) => OwnershipOf;
}

/** What has to be done to a zone, or was. */
export interface ZonePlan extends Plan {
  /** What stood there when the plan was made. */
  readonly live: readonly CurrentRecord[];
}

/** Somebody else may write the zone between our reading and writing it; this often we start again. */
const ATTEMPTS = 3;

/** Reads the names and plans. Writes nothing. Throws what the provider throws. */
export async function planZone(
  provider: DnsProvider,
  { zone, names, desire, ownerships }: ZoneDraft,
  signal: AbortSignal,
): Promise<ZonePlan> {
  const live = await provider.records(zone, names, signal);
  const desired = desire(live);
  const planned = plan(desired, live, provider.capabilities, ownerships?.(desired, live));
  const { cnameBesideOthers } = provider.capabilities;
  const alias = cnameBesideOthers ? undefined : aliasInTheWay(planned.desired, planned, live);
  if (alias) throw blocked(alias);
  return { ...planned, live };
}

/** Why nothing can be written beside an alias that stays. */
export function blocked(alias: CurrentRecord): IngressError {
  return new IngressError(
    'PROVIDER_REJECTED',
    `nothing can stand beside ${describeRecord(alias)}, and this program does not remove it`,
    { hint: `Remove the CNAME at ${alias.name} yourself, if nobody needs it.` },
  );
}

/**
 * Carries a plan out by `write`. When the zone has changed between reading and writing it, it is read and planned anew.
 * Returns the plan that was carried out. Throws what the provider throws.
 */
export async function carryOut(
  provider: DnsProvider,
  draft: ZoneDraft,
  planned: ZonePlan,
  write: (changes: readonly Change[]) => Promise<unknown>,
  signal: AbortSignal,
): Promise<ZonePlan> {
  let current = planned;
  await despiteConflicts(
    () => write(current.changes),
    async () => {
      current = await planZone(provider, draft, signal);
    },
  );
  return current;
}

/** Writes, and a few times again when somebody else has written at the same moment; `before` comes before each time but the first. */
export async function despiteConflicts<T>(
  write: () => Promise<T>,
  before: () => Promise<void> = async () => undefined,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await write();
    } catch (thrown) {
      if (!isIngressError(thrown, 'PROVIDER_CONFLICT') || attempt === ATTEMPTS) throw thrown;
      await before();
    }
  }
}

/**
 * Brings one zone to the desired records: plans, applies, and returns what was done. Nothing is written when nothing
 * differs. Throws what the provider throws.
 */
export async function reconcileZone(
  provider: DnsProvider,
  draft: ZoneDraft,
  signal: AbortSignal,
): Promise<ZonePlan> {
  const planned = await planZone(provider, draft, signal);
  const write = async (changes: readonly Change[]) => {
    if (changes.length > 0) await provider.apply(draft.zone, changes, signal);
  };
  return carryOut(provider, draft, planned, write, signal);
}
