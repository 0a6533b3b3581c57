import type { TestContext } from 'node:test';

/** A row of the table of faults: one test, with a subtest for each fault. */
export interface Row {
  /** Tries one fault; `survive` throws if the ingress does not recover. */
  tryOne(fault: string, survive: () => Promise<void>): Promise<void>;
  /** Prints how many faults were tried, and how many of them were survived. */
  print(): void;
}

export function createRow(t: TestContext): Row {
  let [tried, survived] = [0, 0];
  return {
    async tryOne(fault, survive) {
      tried += 1;
      await t.test(fault, async () => {
        await survive();
        survived += 1;
      });
    },
    print: () => t.diagnostic(`${t.name}: ${survived} of ${tried} survived`),
  };
}
