import { readFile, rm } from 'node:fs/promises';
import { execa } from 'execa';

/**
 * Removes a folder with its content. First unmounts what a killed daemon left mounted there, such
 * as a container's network.
 */
export async function removeTree(folder: string): Promise<void> {
  for (const point of mountPointsBelow(folder, await readFile('/proc/self/mounts', 'utf8')))
    await execa('umount', ['--lazy', point]);
  await rm(folder, { recursive: true, force: true });
}

/** The mount points in a table (fstab(5)) below a folder, last mounted first. Pure. */
export function mountPointsBelow(folder: string, table: string): string[] {
  const points = table.split('\n').map((line) => plain(line.split(' ')[1] ?? ''));
  return points.filter((point) => point.startsWith(`${folder}/`)).reverse();
}

/** Decodes white space and backslashes, which the table has in octal. */
function plain(written: string): string {
  return written.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
