import type { Zone } from '../dns/provider.ts';
import type { CurrentRecord } from '../dns/record.ts';
import type { DesiredRecord } from '../records/desired.ts';
import { decideAllOwnerships, type OwnershipDecisions, ownerChanges } from '../records/ownership.ts';
import { aliasInTheWay, plan } from '../records/plan.ts';
import { blocked, planZone, type ZoneDraft, type ZonePlan } from '../records/reconcile-zone.ts';
import type { Deps } from './deps.ts';
import type { NameDraft } from './draft.ts';

/** A zone as it stands, and what has to be done to it for all names together. */
export interface ZoneLook {
  readonly zone: Zone;
  readonly drafts: readonly NameDraft[];
  /** Of all names. */
  readonly draft: ZoneDraft;
  readonly planned: ZonePlan;
  readonly results: NameResults;
}

/** What the last plan made of each name. */
export interface NameResults {
  /** What is to stand, once it is written. */
  readonly desired: Map<string, readonly DesiredRecord[]>;
  /** Names for which nothing could be planned, and why; the plan of the others goes on without them. */
  readonly lost: Map<string, unknown>;
}

export type LookParts = Pick<Deps, 'provider' | 'spec' | 'shared' | 'warn'>;

/** Reads the zone once, and plans for all names. Writes nothing. Throws what the provider throws. */
export async function lookAtZone(
  parts: LookParts,
  zone: Zone,
  drafts: readonly NameDraft[],
  signal: AbortSignal,
): Promise<ZoneLook> {
  const results: NameResults = { desired: new Map(), lost: new Map() };
  const draft = mergeDrafts(parts, zone, drafts, results);
  const planned = await planZone(parts.provider, draft, signal);
  for (const warning of planned.warnings) parts.warn(warning);
  return { zone, drafts, draft, planned, results };
}

/** One draft of several names; `results` are told of each, and one that cannot be planned holds up no other. */
export function mergeDrafts(
  parts: LookParts,
  zone: Zone,
  drafts: readonly NameDraft[],
  { lost }: NameResults,
): ZoneDraft {
  return {
    zone,
    names: [...new Set(drafts.flatMap(({ owners }) => owners))],
    desire: (live) =>
      drafts.flatMap((draft) => {
        lost.delete(draft.domain);
        try {
          return desireOne(parts, draft, live);
        } catch (thrown) {
          lost.set(draft.domain, thrown);
          return [];
        }
      }),
    ownerships: (desired, live) => claimsOf(parts, desired, live).ownershipOf,
  };
}

function desireOne(
  parts: LookParts,
  { desire }: NameDraft,
  live: readonly CurrentRecord[],
): readonly DesiredRecord[] {
  const { capabilities } = parts.provider;
  const desired = desire(live);
  if (capabilities.cnameBesideOthers) return desired;
  const planned = plan(desired, live, capabilities, claimsOf(parts, desired, live).ownershipOf);
  const alias = aliasInTheWay(planned.desired, planned, live);
  if (alias) throw blocked(alias);
  return desired;
}

function claimsOf(
  { spec, shared }: Pick<Deps, 'spec' | 'shared'>,
  desired: readonly DesiredRecord[],
  live: readonly CurrentRecord[],
): OwnershipDecisions {
  return decideAllOwnerships(desired, live, { mode: spec.addressMode, claimed: shared.claimed });
}

/**
 * To be called when a plan was carried out: whose records stand is ours from now on, and another container that has a name
 * is told of once.
 */
export function noteHolders(
  parts: Pick<Deps, 'spec' | 'shared' | 'emit'>,
  look: Pick<ZoneLook, 'results'>,
  drafts: readonly NameDraft[],
  { live, desired }: ZonePlan,
): void {
  const { shared, emit } = parts;
  const wanted = drafts
    .filter(({ domain }) => !look.results.lost.has(domain))
    .flatMap(({ desire }) => desire(live));
  const claims = claimsOf(parts, wanted, live);
  for (const { domain, otherOwner, sentence } of ownerChanges(claims, shared.rivals)) {
    if (otherOwner === undefined) {
      shared.rivals.delete(domain);
      emit({ type: 'name-regained', name: domain, sentence });
    } else {
      shared.rivals.set(domain, otherOwner);
      emit({ type: 'name-taken', name: domain, otherOwner, sentence });
    }
  }
  for (const [domain, { ownership }] of claims.decisions)
    if (ownership !== 'yield') shared.claimed.add(domain);
  for (const { domain } of drafts)
    look.results.desired.set(
      domain,
      desired.filter((record) => record.for === domain),
    );
}
