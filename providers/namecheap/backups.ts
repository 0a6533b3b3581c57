import type { Clock } from '../../src/clock.ts';
import { IngressError, messageOf } from '../../src/errors.ts';
import type { ProviderFiles } from '../shared/context.ts';

/** Maximum number of files for one zone. */
export const KEPT = 20;

/**
 * Saves the content of a zone as a dated file, `example.com/2026-01-02T03-04-05.678Z.txt`, and
 * returns its path. Of files with the same text the newest stays, and of all others the newest
 * twenty. Throws STORE_FAILED if the file cannot be written; files that cannot be removed are left.
 */
export async function keepBackup(
  { files, clock }: { readonly files: ProviderFiles; readonly clock: Clock },
  domain: string,
  text: string,
): Promise<string> {
  try {
    const before = await files.list(domain);
    const name = freeName(clock.now(), before);
    const path = await files.write(`${domain}/${name}`, text);
    await prune(files, domain, before, text);
    return path;
  } catch (thrown) {
    const sentence = `the zone ${domain} was not written, because its content could not be saved to a file first: ${messageOf(thrown)}`;
    throw new IngressError('STORE_FAILED', sentence, { cause: thrown, details: { zone: domain } });
  }
}

/**
 * Names sort by date. If the name is taken (same millisecond, or the clock went back), uses the
 * next free one.
 */
function freeName(now: Date, taken: readonly string[]): string {
  for (let ms = now.getTime(); ; ms += 1) {
    const name = `${new Date(ms).toISOString().replaceAll(':', '-')}.txt`;
    if (!taken.includes(name)) return name;
  }
}

async function prune(
  files: ProviderFiles,
  domain: string,
  before: readonly string[],
  text: string,
): Promise<void> {
  const others: string[] = [];
  for (const name of before.toReversed()) {
    const path = `${domain}/${name}`;
    try {
      const superfluous = (await files.read(path)) === text || others.length >= KEPT - 1;
      if (superfluous) await files.remove(path);
      else others.push(name);
    } catch {
      // A file that cannot be read or removed does not keep others from being removed.
    }
  }
}
