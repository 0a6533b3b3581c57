import { type CertificateFacts, covers, type Requirement, whyUnusable } from './certificate.ts';

/**
 * certbot's lineages: the versions of one certificate, under a name of their own in `live/` and `archive/`. The first
 * for a name is called like it (a wildcard without its asterisk); when that is taken, because a name and its wildcard
 * share it, the next are `<name>-0001`, `<name>-0002`, …  Pure.
 */

/** What a lineage holds. */
export interface LineageState {
  readonly name: string;
  /** Of the version that its links lead to: what other programs read. Undefined when there is none that fits. */
  readonly shown: CertificateFacts | undefined;
  /** Of the version that would be served of it. */
  readonly best: CertificateFacts | undefined;
}

const NUMBER = /^(?:-\d{4,})?$/;

/** The lineages of a base name among the entries of `live/` and `archive/`: the plain one first, then by number. */
export function lineageNames(entries: readonly string[], base: string): string[] {
  return [...new Set(entries)]
    .filter((entry) => entry.startsWith(base) && NUMBER.test(entry.slice(base.length)))
    .sort();
}

/**
 * The one to serve: of those that can be served now the one that is valid longest, the first of equals. When none can,
 * the best of the others, so that a decision knows what was there: one for more of the names goes before one for others.
 */
export function chooseServed<T extends { readonly facts: CertificateFacts }>(
  candidates: readonly T[],
  requirement: Requirement,
  now: Date,
): T | undefined {
  const ranked = candidates.map((candidate) => ({
    candidate,
    rank: rankOf(candidate.facts, requirement, now),
  }));
  return ranked.sort((a, b) => compare(b.rank, a.rank))[0]?.candidate;
}

/**
 * Whether a version in the archive is served instead of the one that the links lead to: when only it can be, or when it
 * is newer, because a crash came between the files and the links.
 */
export function preferArchived(
  linked: CertificateFacts | undefined,
  archived: CertificateFacts,
  requirement: Requirement,
  now: Date,
): boolean {
  if (linked === undefined) return true;
  const [isLinkedUsable, isArchivedUsable] = [linked, archived].map(
    (facts) => whyUnusable(facts, requirement, now) === undefined,
  );
  return isLinkedUsable === isArchivedUsable
    ? archived.notBefore > linked.notBefore
    : isArchivedUsable === true;
}

/**
 * The lineages that a new certificate is stored in, the plain one last. The plain one, because other programs read
 * `live/<name>/`, and every numbered one with the names of what was served so far, because others may read that, and nobody
 * else renews it. A plain one that shows a valid certificate for other names is somebody else's and left alone; then a free
 * number is taken.
 */
export function lineagesToSave(
  base: string,
  lineages: readonly LineageState[],
  requirement: Requirement,
  now: Date,
): string[] {
  const candidates = lineages.flatMap(({ best }) => (best ? [{ facts: best }] : []));
  const served = chooseServed(candidates, requirement, now)?.facts;
  const plain = lineages.find(({ name }) => name === base);
  const targets = lineages
    .filter(({ name, best }) => name !== base && isFor(best, requirement) && haveSameNames(best, served))
    .map(({ name }) => name);
  if (!isForeign(plain?.shown, requirement, now)) targets.push(base);
  return targets.length > 0 ? targets : [freeName(base, lineages)];
}

function haveSameNames(one: CertificateFacts | undefined, other: CertificateFacts | undefined): boolean {
  return one?.names.toSorted().join() === other?.names.toSorted().join();
}

function isFor(facts: CertificateFacts | undefined, { names }: Requirement): boolean {
  return facts !== undefined && names.every((name) => covers(facts.names, name));
}

/** One that has none but our names was ours before a name was added to them. */
function isForeign(facts: CertificateFacts | undefined, requirement: Requirement, now: Date): boolean {
  if (facts === undefined || isFor(facts, requirement) || now >= facts.notAfter) return false;
  return !facts.names.every((name) => requirement.names.includes(name));
}

function freeName(base: string, lineages: readonly LineageState[]): string {
  const taken = new Set(lineages.map(({ name }) => name));
  for (let number = 1; ; number += 1) {
    const name = `${base}-${String(number).padStart(4, '0')}`;
    if (!taken.has(name)) return name;
  }
}

type Rank = readonly [usable: number, servedNow: number, names: number, end: number];

function rankOf(facts: CertificateFacts, requirement: Requirement, now: Date): Rank {
  const own = requirement.names.filter((name) => covers(facts.names, name));
  const [first, ...others] = own;
  const partly =
    first !== undefined && whyUnusable(facts, { ...requirement, names: [first, ...others] }, now);
  return [
    whyUnusable(facts, requirement, now) === undefined ? 1 : 0,
    partly === undefined ? own.length : 0,
    own.length,
    facts.notAfter.getTime(),
  ];
}

function compare(a: Rank, b: Rank): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || a[3] - b[3];
}
