import { globSync } from 'node:fs';
import { copyFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { execa } from 'execa';

/**
 * Makes a program of an unpacked suite (see unpackedPackages) start without a wrapper, with the
 * loader and the libraries of its own root. `path` is relative to the root; `original` is the
 * program to copy, by default the same. Needs patchelf (Debian: `patchelf`).
 */
export async function startable(root: string, path: string, original = join(root, path)): Promise<string> {
  const program = join(root, path);
  const [loader] = globSync('usr/lib/*/ld-linux*.so.*', { cwd: root });
  if (!loader) throw new Error(`no loader in ${root}`);
  const { stdout: interpreter } = await execa('patchelf', ['--print-interpreter', program], {
    reject: false,
  });
  if (interpreter === join(root, loader)) return program;
  const unfinished = `${program}.${process.pid}`;
  await copyFile(original, unfinished);
  // Unlike a RUNPATH, an RPATH also applies to the libraries' own libraries (ld.so(8)).
  const libraries = ['--force-rpath', '--set-rpath', join(root, dirname(loader))];
  await execa('patchelf', ['--set-interpreter', join(root, loader), ...libraries, unfinished]);
  await rename(unfinished, program);
  return program;
}
