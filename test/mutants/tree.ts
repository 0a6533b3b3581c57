import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { Mutant } from './mutant.ts';

/** A copy of the repository in which one file at a time is changed. */
export interface Tree extends Disposable {
  readonly root: string;
  /** Whether the text of a mutant occurs exactly once in its file. */
  applies(mutant: Mutant): boolean;
  /** Applies a mutant. Disposing of the result restores the file. */
  mutate(mutant: Mutant): Disposable;
}

const LEFT_OUT = new Set(['.git', 'node_modules', 'dist']);

/** Copies the repository at `source` to a temporary directory; packages are linked. */
export function copyTree(source: string): Tree {
  const root = mkdtempSync(join(tmpdir(), 'dstack-ingress-mutants-'));
  cpSync(source, root, {
    recursive: true,
    filter: (path) => !LEFT_OUT.has(relative(source, path).split('/')[0] ?? ''),
  });
  symlinkSync(join(source, 'node_modules'), join(root, 'node_modules'));
  return {
    root,
    applies: (mutant) => occurrences(readFileSync(join(root, mutant.file), 'utf8'), mutant) === 1,
    mutate(mutant) {
      const path = join(root, mutant.file);
      const text = readFileSync(path, 'utf8');
      writeFileSync(
        path,
        text.replace(mutant.search, () => mutant.replace),
      );
      return { [Symbol.dispose]: () => writeFileSync(path, text) };
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

/**
 * The number of occurrences of the text to replace; a mutant applies only if there is exactly one.
 * Pure.
 */
export function occurrences(text: string, { search }: Pick<Mutant, 'search'>): number {
  return text.split(search).length - 1;
}
