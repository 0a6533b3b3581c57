import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { execa } from 'execa';
import { cacheFolder, privateApt } from './debian-package.ts';

/**
 * The cache folder with packages of another Debian suite and all their dependencies, including the
 * C library; downloaded if missing. Needs apt-get and dpkg-deb; changes nothing outside the cache
 * folder.
 */
export async function unpackedPackages(suite: string, packages: readonly string[]): Promise<string> {
  const cache = cacheFolder();
  const home = join(cache, `root-${suite}-${packages.join('+')}`);
  if (await stat(home).catch(() => undefined)) return home;
  const what = `${packages.join(' and ')} from Debian ${suite}`;
  process.stderr.write(`==> fetching ${what} into ${home}; nothing else on this host changes\n`);
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'fetching-'));
  try {
    const options = await privateApt(suite, folder);
    // With an empty list of installed packages, apt downloads all dependencies.
    await writeFile(join(folder, 'status'), '');
    const alone = [...options, '-o', `Dir::State::status=${join(folder, 'status')}`, '-qq'];
    await execa('apt-get', [...alone, 'update'], { cwd: folder });
    const download = ['--no-install-recommends', '--download-only', '-y', 'install', ...packages];
    await execa('apt-get', [...alone, ...download], { cwd: folder });
    const archives = join(folder, 'cache/archives');
    for (const archive of (await readdir(archives)).filter((name) => name.endsWith('.deb'))) {
      await execa('dpkg-deb', ['-x', join(archives, archive), join(folder, 'unpacked')]);
    }
    // A rename is atomic; if another process was faster, its folder stays.
    await rename(join(folder, 'unpacked'), home).catch(() => undefined);
    return home;
  } catch (cause) {
    throw new Error(`${what} could not be fetched`, { cause });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
