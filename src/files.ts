import { randomUUID } from 'node:crypto';
import { glob, lstat, mkdir, open, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemErrorCode } from './errors.ts';

/**
 * Writes a file atomically: to a temporary file beside it, synced, then renamed. The mode is set
 * when the file is created, so a secret is never readable by others. Throws what the file system
 * throws.
 */
export async function writeAtomically(path: string, content: string, mode: number): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      // The umask may have removed bits.
      await file.chmod(mode);
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw thrown;
  }
  await syncDirectory(dirname(path));
}

/** Creates a symbolic link, or atomically points it to another target. */
export async function linkAtomically(target: string, path: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  await symlink(target, temporary);
  try {
    await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw thrown;
  }
}

const TEMPORARY = /\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/;
/** Milliseconds; a younger file may belong to a write in progress. */
const YOUNG_MS = 60_000;

/**
 * Removes the temporary files that killed processes have left below a directory: they would fill
 * the disk over time, and some contain private keys. Returns their paths. Throws what the file
 * system throws.
 */
export async function removeTemporaries(root: string, now: Date): Promise<string[]> {
  const removed: string[] = [];
  for await (const found of glob('**/*.tmp', { cwd: root })) {
    const path = join(root, found);
    if (!TEMPORARY.test(path)) continue;
    try {
      const { mtimeMs } = await lstat(path);
      if (now.getTime() - mtimeMs < YOUNG_MS) continue;
      await rm(path, { force: true });
      removed.push(path);
    } catch {
      // Remove the others anyway; the next start tries this one again.
    }
  }
  return removed;
}

/**
 * Makes a directory's entries durable: a rename is on the disk only after its directory is synced.
 */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

const TAKEN: readonly (string | undefined)[] = ['EISDIR', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST'];

/**
 * Renames a damaged file or directory to `<path>.damaged`, replacing an earlier one, or to the next
 * free `<path>.damaged-2`, … if a directory has that name. Returns the new path. Throws what the
 * file system throws.
 */
export async function moveAside(path: string): Promise<string> {
  for (let number = 1; ; number += 1) {
    const aside = `${path}.damaged${number === 1 ? '' : `-${number}`}`;
    try {
      await rename(path, aside);
      return aside;
    } catch (thrown) {
      if (!TAKEN.includes(systemErrorCode(thrown)) || number > 99) throw thrown;
    }
  }
}

/** Reads a file as text; undefined if it does not exist. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    if (isMissing(thrown)) return undefined;
    throw thrown;
  }
}

/** Lists the entries of a directory; none if it does not exist. */
export async function listIfThere(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (thrown) {
    if (isMissing(thrown)) return [];
    throw thrown;
  }
}

/** The kind of entry at a path, without following links. */
export async function kindOf(path: string): Promise<'file' | 'link' | 'other' | 'nothing'> {
  try {
    const stats = await lstat(path);
    if (stats.isSymbolicLink()) return 'link';
    return stats.isFile() ? 'file' : 'other';
  } catch (thrown) {
    if (isMissing(thrown)) return 'nothing';
    throw thrown;
  }
}

/**
 * Makes a directory and its parents; `mode` applies to new ones. Tries each twice at most: with its
 * own `recursive`, Node.js loops forever in a directory that was deleted while mounted, because it
 * exists but accepts no entries. Throws what the file system throws.
 */
export async function makeDirectory(path: string, mode = 0o777): Promise<void> {
  try {
    return await mkdir(path, { mode });
  } catch (thrown) {
    if (await isDirectory(path)) return;
    if (!isAboveMissing(path, thrown)) throw thrown;
  }
  await makeDirectory(dirname(path), mode);
  try {
    await mkdir(path, { mode });
  } catch (thrown) {
    if (!(await isDirectory(path))) throw thrown;
  }
}

/**
 * Like `makeDirectory` with mode 0700, but also makes the entries of all directories from `path` up
 * to `root` durable: even a synced file is lost if its directory is. Throws what the file system
 * throws.
 */
export async function makeDurableDirectory(path: string, root: string): Promise<void> {
  await makeDirectory(path, 0o700);
  for (let above = dirname(path); above.startsWith(root); above = dirname(above)) {
    await syncDirectory(above);
    if (above === root || above === dirname(above)) return;
  }
}

function isAboveMissing(path: string, thrown: unknown): boolean {
  return systemErrorCode(thrown) === 'ENOENT' && dirname(path) !== path;
}

export async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Whether an error says that a file or directory does not exist. */
export function isMissing(thrown: unknown): boolean {
  const code = systemErrorCode(thrown);
  return code === 'ENOENT' || code === 'ENOTDIR';
}
