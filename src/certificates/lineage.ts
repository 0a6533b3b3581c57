import { type CertificateFacts, covers, type Requirement, whyUnusable } from './certificate.ts';

/**
 * certbot's lineages: all versions of one certificate, under a name in `live/` and `archive/`. The
 * first lineage for a name has that name (a wildcard without its asterisk). If it is taken, because
 * a name and its wildcard share it, the next are `<name>-0001`, `<name>-0002`, … Pure.
 */

/** The content of a lineage. */
export interface LineageState {
  readonly name: string;
  /**
   * Facts about the version that its links point to, which other programs read. Undefined if no
   * version matches.
   */
  readonly shown: CertificateFacts | undefined;
  /** Facts about the version that would be served. */
  readonly best: CertificateFacts | undefined;
}

const NUMBER = /^(?:-\d{4,})?$/;

/**
 * The lineages of a base name among the entries of `live/` and `archive/`: the plain one first,
 * then by number.
 */
export function lineageNames(entries: readonly string[], base: string): string[] {
  return [...new Set(entries)]
    .filter((entry) => entry.startsWith(base) && NUMBER.test(entry.slice(base.length)))
    .sort();
}

/**
 * Chooses the certificate to serve: the one with the latest end among those that can be served now;
 * the first wins a tie. If none can be served, returns the best of the others for the renewal
 * decision: one that covers more of the names is better.
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
 * Whether to serve a version from the archive instead of the linked one: if only the archived one
 * can be served, or if it is newer because of a crash between writing the files and moving the
 * links.
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
 * The lineages in which to store a new certificate, the plain one last. The plain one is among them
 * because other programs read `live/<name>/`, and so is every numbered one with the same names as
 * the certificate served so far, because other programs may read it and nothing else renews it. A
 * plain lineage with a valid certificate for other names belongs to another program and stays
 * unchanged; if no other lineage qualifies, a free number is used.
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

/**
 * Whether a lineage belongs to another program. A certificate with only our names is ours, from
 * before a name was added.
 */
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
