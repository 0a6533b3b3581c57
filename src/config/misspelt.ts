import type { Fault } from './faults.ts';
import type { Environment } from './read.ts';

/** A variable that is set but unknown, and the one that is probably meant. */
export interface Misspelling {
  readonly written: string;
  readonly meant: string;
}

/**
 * Similar to our variables but used by other programs: proxies for plain HTTP, and endpoints of AWS
 * services.
 */
const OTHERS = /^(?:https?|ftp|all)_proxy$|^AWS_ENDPOINT_URL/i;

/**
 * Finds the set variables (`names`) that look like a misspelt known one: in another case, or with
 * one or two letters added, missing, replaced or swapped. A known variable that is itself set is
 * never the one meant. Pure.
 */
export function findMisspellings(names: readonly string[], known: readonly string[]): Misspelling[] {
  const taken = new Set(names);
  const missing = known.filter((name) => !taken.has(name));
  const ours = new Set(known);
  return names
    .filter((name) => !ours.has(name) && !OTHERS.test(name))
    .flatMap((written) => {
      const meant = nearest(written.toUpperCase(), missing);
      return meant === undefined ? [] : [{ written, meant }];
    });
}

function nearest(written: string, candidates: readonly string[]): string | undefined {
  const near = candidates
    .filter((name) => Math.abs(name.length - written.length) <= mostSlips(name))
    .map((name) => ({ name, slips: distance(written, name) }))
    .filter(({ name, slips }) => slips <= mostSlips(name) && !isNumbered(written, name));
  return near.toSorted((a, b) => a.slips - b.slips)[0]?.name;
}

/** The number of slips to tolerate: few in short names, since PATH is two letters from PORT. */
function mostSlips({ length }: string): number {
  if (length < 6) return 0;
  return length < 9 ? 1 : 2;
}

/** DOMAIN1 and DOMAIN2 are chosen names, not misspellings. */
function isNumbered(written: string, name: string): boolean {
  return /\d$/.test(written) && !/\d$/.test(name);
}

/** Edit distance that counts swapped neighbours as one slip (optimal string alignment). */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1;
      const isSwapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      current[column] = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + same,
        isSwapped ? (beforeLast[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? 0;
}

/**
 * Adds to a fault of a missing variable that the variable is set but empty, and which set variables
 * look like it. Other faults are returned unchanged. Pure.
 */
export function explainMissing(
  fault: Fault,
  environment: Environment,
  misspellings: readonly Misspelling[],
): Fault {
  const { variable, missing = [] } = fault;
  const empty = missing.filter((name) => environment[name]?.trim() === '');
  const others = empty.filter((name) => name !== variable);
  const misspelt = misspellings.filter(({ meant }) => missing.includes(meant));
  const problem = empty.includes(variable)
    ? fault.problem.replace(/^is not set/, 'is set but empty')
    : fault.problem;
  const more = [
    ...(others.length > 0
      ? [`${others.join(', ')} ${others.length === 1 ? 'is' : 'are'} set but empty`]
      : []),
    ...misspelt.map(({ written, meant }) => `${written} is set, which looks like a misspelt ${meant}`),
  ];
  const fixes = [
    ...[...Map.groupBy(misspelt, ({ meant }) => meant)].map(([meant, likeIt]) => rename(likeIt, meant)),
    fault.fix,
    ...(empty.length > 0 ? [EMPTY] : []),
  ];
  if (empty.length === 0 && misspelt.length === 0) return fault;
  return {
    ...fault,
    ...(empty.includes(variable) ? { kind: 'empty' as const } : {}),
    details: {
      ...fault.details,
      ...(empty.length > 0 ? { empty } : {}),
      ...(misspelt.length > 0 ? { misspelt } : {}),
    },
    problem: [problem, ...more].join('; '),
    fix: fixes.join(' '),
  };
}

function rename(misspelt: readonly Misspelling[], meant: string): string {
  return `Rename ${misspelt.map(({ written }) => written).join(' or ')} to ${meant}.`;
}

const EMPTY = 'Compose passes an empty value if its own environment and .env file lack the variable.';
