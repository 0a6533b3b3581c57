import { readFile, rm } from 'node:fs/promises';
import { execa } from 'execa';

/** Removes a folder with all in it. What a daemon that was killed has left mounted there, such as a container's network, is unmounted first. */
export async function removeTree(folder: string): Promise<void> {
  for (const point of mountPointsBelow(folder, await readFile('/proc/self/mounts', 'utf8')))
    await execa('umount', ['--lazy', point]);
  await rm(folder, { recursive: true, force: true });
}

/** The mount points of a table (fstab(5)) that lie below a folder, those that were mounted last first. Pure. */
export function mountPointsBelow(folder: string, table: string): string[] {
  const points = table.split('\n').map((line) => plain(line.split(' ')[1] ?? ''));
  return points.filter((point) => point.startsWith(`${folder}/`)).reverse();
}

/** The table writes white space and backslashes in octal. */
function plain(written: string): string {
  return written.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
