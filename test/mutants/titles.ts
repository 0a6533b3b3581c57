import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import type { Killer } from './mutant.ts';

const TITLE = /\b(?:test|describe)\(\s*(?:'((?:[^'\\]|\\.)*)'|`((?:[^`\\]|\\.)*)`)/g;
const IMPORT = /\bfrom '(\.[^']+\.ts)'/g;

/**
 * Whether the file of a killer, or a file of tests that it imports, has a test with its title. A
 * title with `${…}` stands for several: what fills the gaps has to occur in these files too.
 */
export function hasTest({ file, test }: Killer): boolean {
  if (test === undefined) return true;
  const texts = [...textsOf(file)];
  return texts.some((text) =>
    [...text.matchAll(TITLE)].some(([, plain, template]) => {
      const title = (plain ?? template ?? '').replaceAll(/\\(.)/g, '$1');
      if (template === undefined) return title === test;
      const gaps = new RegExp(
        `^${title
          .split(/\$\{[^}]*\}/)
          .map(RegExp.escape)
          .join('(.+)')}$`,
      ).exec(test);
      return gaps?.slice(1).every((gap) => texts.some((one) => one.includes(gap))) ?? false;
    }),
  );
}

/** The texts of a test file and of the files in test/ that it imports, each once. */
function textsOf(file: string, known = new Map<string, string>()): Iterable<string> {
  if (known.has(file)) return known.values();
  const text = readFileSync(file, 'utf8');
  known.set(file, text);
  for (const [, path = ''] of text.matchAll(IMPORT)) {
    const imported = normalize(join(dirname(file), path));
    if (imported.startsWith('test/')) textsOf(imported, known);
  }
  return known.values();
}
