import type { ProviderContext, ProviderFiles, ProviderWait } from '../../../providers/shared/context.ts';
import type { Clock } from '../../../src/clock.ts';
import { createOutgoing } from '../../../src/net/outgoing.ts';

/** A clock whose waits end at once and advance it. */
export function createHurryingClock(): Clock {
  let skippedMs = 0;
  return {
    now: () => new Date(Date.now() + skippedMs),
    async wait(ms, signal) {
      signal?.throwIfAborted();
      skippedMs += ms;
    },
  };
}

/** A provider's folder in memory. */
export function createMemoryFiles(): ProviderFiles & { readonly texts: ReadonlyMap<string, string> } {
  const texts = new Map<string, string>();
  return {
    texts,
    read: async (name) => texts.get(name),
    write: async (name, text) => {
      texts.set(name, text);
      return `/memory/${name}`;
    },
    list: async (folder) =>
      [...texts.keys()]
        .filter((name) => name.startsWith(`${folder}/`))
        .map((name) => name.slice(folder.length + 1))
        .sort(),
    remove: async (name) => void texts.delete(name),
  };
}

/** The context of a provider in a test, with its waits and warnings. */
export function createTestContext(
  clock: Clock = createHurryingClock(),
  files: ProviderFiles = createMemoryFiles(),
): ProviderContext & { readonly waits: readonly ProviderWait[]; readonly warnings: readonly string[] } {
  const waits: ProviderWait[] = [];
  const warnings: string[] = [];
  const warn = (sentence: string) => void warnings.push(sentence);
  const onWait = (wait: ProviderWait) => void waits.push(wait);
  return { clock, files, waits, warnings, onWait, warn, outgoing: createOutgoing() };
}
