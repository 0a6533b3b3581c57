import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { systemClock, until } from '../../../src/clock.ts';
import { atProcessEnd } from '../process-end.ts';

/** A file system of its own, in memory. Disposing of it unmounts it, with what is on it. */
export interface TinyDisk extends AsyncDisposable {
  readonly path: string;
  /** Octets that can still be written; in whole pages, which are 4 KiB mostly. */
  readonly freeBytes: number;
  /** Takes all room but so many octets; the file that takes it is named `filler`. */
  fill(leaveBytes?: number): void;
  /** Gives that room back. */
  free(): void;
  /** Mounts it read-only: writing fails with EROFS. Rejects when a file stays open for writing (EBUSY). */
  makeReadOnly(): Promise<void>;
  makeWritable(): Promise<void>;
}

/** This host lets nobody mount, or not this user: a reason to skip, not to fail. */
export class MountRefused extends Error {}

const OPEN_FOR_WRITING_MS = 5000;
const REFUSED = /permission denied|operation not permitted|must be superuser/i;

/** Mounts a disk of so many kilobytes at a path, which is made. Rejects with MountRefused where that is not allowed. */
export async function mountTinyDisk(path: string, kilobytes: number): Promise<TinyDisk> {
  mkdirSync(path, { recursive: true });
  await mount(['-t', 'tmpfs', '-o', `size=${kilobytes}k,mode=0700`, 'tmpfs', path]);
  // Whoever still has a file open there keeps it, and nobody else sees it.
  const forget = atProcessEnd(() => execFileSync('umount', ['-l', path]));
  const filler = join(path, 'filler');
  const freeBytes = () => {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  };
  return {
    path,
    get freeBytes() {
      return freeBytes();
    },
    fill(leaveBytes = 0) {
      const file = openSync(filler, 'a');
      try {
        writeSync(file, Buffer.alloc(Math.max(0, freeBytes() - leaveBytes)));
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler, { force: true }),
    async makeReadOnly() {
      const remounted = () =>
        mount(['-o', 'remount,ro', path]).then(
          () => true,
          (thrown: unknown) => {
            if (!/busy/.test(String(thrown))) throw thrown;
            return undefined;
          },
        );
      const patience = { clock: systemClock, timeoutMs: OPEN_FOR_WRITING_MS, everyMs: 20 };
      if (!(await until(remounted, patience))) throw new Error(`${path} stays open for writing`);
    },
    makeWritable: () => mount(['-o', 'remount,rw', path]),
    async [Symbol.asyncDispose]() {
      forget();
      await execa('umount', ['-l', path]);
    },
  };
}

async function mount(args: readonly string[]): Promise<void> {
  const { failed, stderr = '' } = await execa('mount', args, { reject: false, env: { LC_ALL: 'C' } });
  if (!failed) return;
  if (REFUSED.test(stderr)) throw new MountRefused(`nothing can be mounted here: ${stderr.trim()}`);
  throw new Error(`mount ${args.join(' ')}: ${stderr}`);
}
