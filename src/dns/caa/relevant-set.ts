import { IngressError } from '../../errors.ts';
import { baseName, canonicalName, selfAndAncestors } from '../name.ts';
import type { Reply, Rr } from '../query.ts';
import { type Change, type CurrentRecord, sameData } from '../record.ts';
import type { Resolver } from '../resolver.ts';

/**
 * The CAA records and the CNAME of one owner name. Some providers serve both; then the CAA records
 * count.
 */
export interface CaaAnswer {
  /** The values of the CAA records, as `flags tag "value"`. */
  readonly caa: readonly string[];
  /** The target of the CNAME. */
  readonly alias?: string;
}

/** Looks up one owner name, without following a CNAME. Throws DNS_LOOKUP_FAILED. */
export type CaaLookup = (name: string, signal: AbortSignal) => Promise<CaaAnswer>;

/** The relevant RRset of a name (RFC 8659 §3). */
export interface CaaSet {
  /** The owner name of its records. */
  readonly owner: string;
  /**
   * The name, or its ancestor, at which the search ended; it differs from `owner` if it is an
   * alias.
   */
  readonly at: string;
  /** At least one, as `flags tag "value"`. */
  readonly values: readonly string[];
}

// The limit of BIND and Unbound.
const MAX_ALIASES = 11;

/**
 * Finds the relevant RRset of a name: its own or, if it has none, that of the closest ancestor, up
 * to and including the top-level domain. For an alias it is the set of its target, and no set above
 * the target. A wildcard is searched without its `*.`. Undefined if there is no set; then nothing
 * is forbidden. Throws DNS_LOOKUP_FAILED.
 */
export async function findRelevantSet(
  name: string,
  lookUp: CaaLookup,
  signal: AbortSignal,
): Promise<CaaSet | undefined> {
  for (const at of selfAndAncestors(baseName(canonicalName(name)))) {
    const found = await followAliases(at, lookUp, signal);
    if (found) return { at, ...found };
  }
  return undefined;
}

async function followAliases(
  at: string,
  lookUp: CaaLookup,
  signal: AbortSignal,
): Promise<Omit<CaaSet, 'at'> | undefined> {
  const visited = new Set<string>();
  let owner: string | undefined = at;
  while (owner !== undefined) {
    if (visited.has(owner)) throw aliasFault(`the CNAME at ${at} leads into a loop at ${owner}`, at, owner);
    if (visited.size > MAX_ALIASES)
      throw aliasFault(`the CNAME at ${at} leads through more than ${MAX_ALIASES} aliases`, at);
    visited.add(owner);
    const { caa, alias }: CaaAnswer = await lookUp(owner, signal);
    if (caa.length > 0) return { owner, values: caa };
    owner = alias;
  }
  return undefined;
}

function aliasFault(message: string, name: string, loop?: string): IngressError {
  return new IngressError('DNS_LOOKUP_FAILED', message, {
    hint: `Point the CNAME at ${name} to a name that has addresses.`,
    details: { name, loop },
  });
}

/**
 * Looks up names with a resolver. Make a new one for each check: the response for an alias contains
 * the records of its target (RFC 1034 §3.6.2), and these are cached for the lookup of the target.
 */
export function resolverLookup(resolver: Resolver): CaaLookup {
  const cache = new Map<string, CaaAnswer>();
  return async (name, signal) => {
    const cached = cache.get(name);
    if (cached) return cached;
    const reply = await resolver({ name, type: 'CAA' }, signal);
    const answer = answerFrom(reply.answers.filter((rr) => rr.name === name));
    cache.set(name, answer);
    for (const [target, further] of targetsIn(reply, answer)) cache.set(target, further);
    return answer;
  };
}

/** The answers for the targets of an alias, as far as the response has all of their records. */
function targetsIn({ rcode, answers, authorities }: Reply, first: CaaAnswer): Map<string, CaaAnswer> {
  // RFC 2308 §2: with an SOA record or NXDOMAIN, the end of the chain has no CAA record.
  const isNegative = rcode === 'NXDOMAIN' || authorities.some(({ type }) => type === 'SOA');
  const owners = Map.groupBy(answers, ({ name }) => name);
  const targets = new Map<string, CaaAnswer>();
  let target = first.alias;
  while (target !== undefined && !targets.has(target)) {
    const records = owners.get(target);
    if (!records && !isNegative) break;
    const answer = answerFrom(records ?? []);
    targets.set(target, answer);
    target = answer.alias;
  }
  return targets;
}

function answerFrom(records: readonly Pick<Rr, 'type' | 'value'>[]): CaaAnswer {
  const caa = records.filter(({ type }) => type === 'CAA').map(({ value }) => value);
  const alias = records.find(({ type }) => type === 'CNAME')?.value;
  return alias === undefined ? { caa } : { caa, alias };
}

/** Names of a zone with their current records, and the changes planned for them. */
export interface PlannedNames {
  /** The owner names whose records are all known. */
  readonly names: readonly string[];
  readonly current: readonly CurrentRecord[];
  readonly changes: readonly Change[];
  /**
   * The zone's apex, if known. No zone serves a CNAME there: a provider that accepts one answers
   * with addresses.
   */
  readonly apex?: string | undefined;
}

/**
 * Answers for known names with their records after the changes, and looks up every other name. So
 * no resolver is queried for a name that is about to be published: it would cache the absence of
 * the records (RFC 2308 §5). A name with a record that stays and that the provider overrides (see
 * CurrentRecord) is looked up: it is already published.
 */
export function overlay(lookUp: CaaLookup, planned: PlannedNames): CaaLookup {
  const { names, changes, apex } = planned;
  const records = recordsAfter(planned);
  const known = new Set([...names, ...changes.map(nameOf)]);
  for (const { name, overriddenBy } of records) if (overriddenBy !== undefined) known.delete(name);
  return async (name, signal) => {
    if (!known.has(name)) return lookUp(name, signal);
    const own = records.filter((record) => record.name === name);
    return answerFrom(own.filter(({ type }) => type !== 'CNAME' || name !== apex));
  };
}

function nameOf(change: Change): string {
  return change.action === 'remove' ? change.removed.name : change.record.name;
}

function recordsAfter({ current, changes }: PlannedNames): CurrentRecord[] {
  const gone = changes.flatMap((change) => {
    if (change.action === 'create') return [];
    return change.action === 'remove' ? [change.removed] : [change.replaced];
  });
  return [
    ...current.filter((record) => !gone.some((other) => sameData(other, record))),
    ...changes.flatMap((change) => (change.action === 'remove' ? [] : [change.record])),
  ];
}
