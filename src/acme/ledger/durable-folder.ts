import { dirname } from 'node:path';
import { makeDirectory, syncDirectory } from '../../files.ts';

/**
 * Makes a folder below `root`, mode 0700, with those between, and has the entries of all of them on the disk: a file that is synced is
 * lost all the same when its folder is. Throws what the file system throws.
 */
export async function makeDurableFolder(folder: string, root: string): Promise<void> {
  await makeDirectory(folder, 0o700);
  await syncFolders(dirname(folder), root);
}

/** Has the entries of a folder and of those above it, up to `root`, on the disk. */
async function syncFolders(folder: string, root: string): Promise<void> {
  for (let path = folder; path.startsWith(root); path = dirname(path)) {
    await syncDirectory(path);
    if (path === root || path === dirname(path)) return;
  }
}
