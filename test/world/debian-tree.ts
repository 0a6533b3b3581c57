import { globSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { execa } from 'execa';
import { cacheFolder, isExecutable, privateApt } from './debian-package.ts';

/**
 * The command line of the certbot of a suite of Debian, whatever this host is: it runs with that suite's Python and libraries, which are
 * unpacked into the cache folder the first time. Needs apt-get and dpkg-deb; nothing outside the cache folder changes. Rejects with
 * what is missing.
 */
export async function certbotFrom(suite: string): Promise<readonly string[]> {
  const wrapper = join(await debianTree(suite, 'certbot'), 'run-certbot');
  if (await isExecutable(wrapper)) return [wrapper];
  throw new Error(`certbot from Debian ${suite} is not in ${wrapper}`);
}

/** A folder with a package of a suite and all that it depends on, unpacked and not installed. */
async function debianTree(suite: string, name: string): Promise<string> {
  const cache = cacheFolder();
  const home = join(cache, `tree-${suite}-${name}`);
  if (await isExecutable(join(home, `run-${name}`))) return home;
  process.stderr.write(
    `==> fetching ${name} from Debian ${suite} into ${cache}; nothing else on this host changes\n`,
  );
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'fetching-'));
  try {
    const options = await privateApt(suite, folder);
    await execa('apt-get', [...options, '-qq', 'update'], { cwd: folder });
    const wanted = ['install', '--download-only', '--no-install-recommends', '-y', name];
    await execa('apt-get', [...options, '-qq', ...wanted], { cwd: folder });
    const archives = join(folder, 'cache/archives');
    const tree = join(folder, 'tree');
    await mkdir(tree);
    for (const archive of await readdir(archives))
      if (archive.endsWith('.deb')) await execa('dpkg-deb', ['-x', join(archives, archive), tree]);
    await writeWrapper(tree, home, name);
    // A rename is all or nothing; when another process was faster, its folder stays.
    await rename(tree, home).catch(() => undefined);
    return home;
  } catch (cause) {
    throw new Error(`${name} could not be fetched from Debian ${suite}`, { cause });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs a Python program of the tree with the loader, the libraries and the Python of the tree. */
async function writeWrapper(tree: string, home: string, name: string): Promise<void> {
  const [loader] = globSync('usr/lib/*-linux-gnu/ld-linux-*.so.*', { cwd: tree });
  const [python] = globSync('usr/bin/python3.[0-9]*', { cwd: tree }).filter((path) => /\d$/.test(path));
  if (loader === undefined || python === undefined) throw new Error('it has no Python, or no loader');
  const libraries = join(home, loader, '..');
  const words = [join(home, loader), '--library-path', libraries, join(home, python)];
  const script = `#!/bin/sh
export PYTHONHOME='${join(home, 'usr')}' PYTHONDONTWRITEBYTECODE=1
exec ${words.map((word) => `'${word}'`).join(' ')} '${join(home, 'usr/bin', name)}' "$@"
`;
  await writeFile(join(tree, `run-${name}`), script, { mode: 0o755 });
}
