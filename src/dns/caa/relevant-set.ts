import { IngressError } from '../../errors.ts';
import { baseName, canonicalName, selfAndAncestors } from '../name.ts';
import type { Reply, Rr } from '../query.ts';
import { type Change, type CurrentRecord, sameData } from '../record.ts';
import type { Resolver } from '../resolver.ts';

/** What stands at one owner name. Both together is what some providers serve; the CAA records count then. */
export interface CaaAnswer {
  /** The values of its CAA records, as `flags tag "value"`. */
  readonly caa: readonly string[];
  /** The target of its CNAME. */
  readonly alias?: string;
}

/** Tells what stands at one owner name, without following an alias. Throws DNS_LOOKUP_FAILED. */
export type CaaLookup = (name: string, signal: AbortSignal) => Promise<CaaAnswer>;

/** The RRset that decides for a name (RFC 8659 §3). */
export interface CaaSet {
  /** The owner name of its records. */
  readonly owner: string;
  /** The name itself or the one above it where the search ended; another than `owner` when it is an alias. */
  readonly at: string;
  /** At least one, as `flags tag "value"`. */
  readonly values: readonly string[];
}

// BIND and Unbound give up after as many.
const LONGEST_CHAIN = 11;

/**
 * Finds the set that decides for a name: its own or, where it has none, that of the nearest name above it, up to and with
 * the top-level domain. At an alias the set of its target counts, not what stands above the target. A wildcard is looked
 * for without its `*.`. Gives undefined when there is no set, so that nothing is forbidden. Throws DNS_LOOKUP_FAILED.
 */
export async function findRelevantSet(
  name: string,
  ask: CaaLookup,
  signal: AbortSignal,
): Promise<CaaSet | undefined> {
  for (const at of selfAndAncestors(baseName(canonicalName(name)))) {
    const found = await followAliases(at, ask, signal);
    if (found) return { at, ...found };
  }
  return undefined;
}

async function followAliases(
  at: string,
  ask: CaaLookup,
  signal: AbortSignal,
): Promise<Omit<CaaSet, 'at'> | undefined> {
  const passed = new Set<string>();
  let owner: string | undefined = at;
  while (owner !== undefined) {
    if (passed.has(owner)) throw endless(`the aliases from ${at} lead back to ${owner}`, at);
    if (passed.size > LONGEST_CHAIN)
      throw endless(`${at} leads through more than ${LONGEST_CHAIN} aliases`, at);
    passed.add(owner);
    const { caa, alias }: CaaAnswer = await ask(owner, signal);
    if (caa.length > 0) return { owner, values: caa };
    owner = alias;
  }
  return undefined;
}

function endless(sentence: string, at: string): IngressError {
  return new IngressError('DNS_LOOKUP_FAILED', sentence, {
    hint: `Let the CNAME at ${at} lead to a name that has addresses.`,
  });
}

/**
 * Asks by a resolver. Make a new one for every check: what a resolver says of an alias holds its target's records too
 * (RFC 1034 §3.6.2), and those are remembered for when the target's turn comes.
 */
export function resolverLookup(resolver: Resolver): CaaLookup {
  const told = new Map<string, CaaAnswer>();
  return async (name, signal) => {
    const before = told.get(name);
    if (before) return before;
    const reply = await resolver({ name, type: 'CAA' }, signal);
    const answer = answerFrom(reply.answers.filter((rr) => rr.name === name));
    told.set(name, answer);
    for (const [target, further] of targetsIn(reply, answer)) told.set(target, further);
    return answer;
  };
}

/** What a reply says of the names that an alias leads to, as far as it says all of it. */
function targetsIn({ rcode, answers, authorities }: Reply, first: CaaAnswer): Map<string, CaaAnswer> {
  // RFC 2308 §2: the end of a chain has nothing of what was asked for when an SOA record or NXDOMAIN says so.
  const isFinal = rcode === 'NXDOMAIN' || authorities.some(({ type }) => type === 'SOA');
  const owners = Map.groupBy(answers, ({ name }) => name);
  const told = new Map<string, CaaAnswer>();
  let target = first.alias;
  while (target !== undefined && !told.has(target)) {
    const standing = owners.get(target);
    if (!standing && !isFinal) break;
    const answer = answerFrom(standing ?? []);
    told.set(target, answer);
    target = answer.alias;
  }
  return told;
}

function answerFrom(standing: readonly Pick<Rr, 'type' | 'value'>[]): CaaAnswer {
  const caa = standing.filter(({ type }) => type === 'CAA').map(({ value }) => value);
  const alias = standing.find(({ type }) => type === 'CNAME')?.value;
  return alias === undefined ? { caa } : { caa, alias };
}

/** A part of a zone as it will be. */
export interface PlannedNames {
  /** The owner names of which everything that stands there is known. */
  readonly names: readonly string[];
  /** What stands there now. */
  readonly current: readonly CurrentRecord[];
  /** What will be changed. */
  readonly changes: readonly Change[];
  /** The zone's apex, where it is known. No zone serves a CNAME there: a provider that takes one answers addresses. */
  readonly apex?: string | undefined;
}

/**
 * Answers for the known names what will stand there after the changes, and asks on for all others. So nobody is asked
 * about a name that is about to be published: a resolver would remember for long that nothing is there (RFC 2308 §5).
 * Where a provider answers something else in the place of a record that stays, only a look-up tells what; such a name
 * is published already.
 */
export function overlay(ask: CaaLookup, planned: PlannedNames): CaaLookup {
  const { names, changes, apex } = planned;
  const records = afterwards(planned);
  const known = new Set([...names, ...changes.map(nameOf)]);
  for (const { name, overriddenBy } of records) if (overriddenBy !== undefined) known.delete(name);
  return async (name, signal) => {
    if (!known.has(name)) return ask(name, signal);
    const standing = records.filter((record) => record.name === name);
    return answerFrom(standing.filter(({ type }) => type !== 'CNAME' || name !== apex));
  };
}

function nameOf(change: Change): string {
  return change.action === 'remove' ? change.removed.name : change.record.name;
}

function afterwards({ current: live, changes }: PlannedNames): CurrentRecord[] {
  const gone = changes.flatMap((change) => {
    if (change.action === 'create') return [];
    return change.action === 'remove' ? [change.removed] : [change.replaced];
  });
  return [
    ...live.filter((record) => !gone.some((other) => sameData(other, record))),
    ...changes.flatMap((change) => (change.action === 'remove' ? [] : [change.record])),
  ];
}
