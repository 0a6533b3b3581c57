import type { TestContext } from 'node:test';

/** Prints a line of the table of faults: what was tried, how often, and what did not survive. */
export function survived(
  t: Pick<TestContext, 'diagnostic'>,
  fault: string,
  tried: number,
  wrong: readonly string[],
): void {
  t.diagnostic(`${fault}: ${tried - wrong.length} of ${tried} survived`);
  for (const line of wrong) t.diagnostic(`  ${line}`);
}
