import type { Fault } from './faults.ts';
import type { Misspelling } from './misspelt.ts';
import type { Environment } from './read.ts';

/**
 * Says more of a fault for a variable that is missing: that it is set but empty, and each that is set and looks like it. Other
 * faults stay as they are. Pure.
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
    ...misspelt.map(({ written, meant }) => `${written} is set, which looks like ${meant} misspelt`),
  ];
  const fixes = [
    ...[...Map.groupBy(misspelt, ({ meant }) => meant)].map(([meant, likeIt]) => rename(likeIt, meant)),
    fault.fix,
    ...(empty.length > 0 ? [EMPTY] : []),
  ];
  return { ...fault, problem: [problem, ...more].join('; '), fix: fixes.join(' ') };
}

function rename(misspelt: readonly Misspelling[], meant: string): string {
  return `Rename ${misspelt.map(({ written }) => written).join(' or ')} to ${meant}.`;
}

const EMPTY =
  'Compose passes an empty value for a variable that its own environment or .env file does not have.';
