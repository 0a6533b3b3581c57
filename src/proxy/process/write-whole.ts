import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeDirectory } from '../../files.ts';

/**
 * Writes a file for our own user: readers see the old text or the new one. It need not survive a crash of the machine, so
 * nothing is fsynced. Throws what the file system throws.
 */
export async function writeWhole(path: string, text: string): Promise<void> {
  await makeDirectory(dirname(path));
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    await file.writeFile(text).finally(() => file.close());
    await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw thrown;
  }
}
