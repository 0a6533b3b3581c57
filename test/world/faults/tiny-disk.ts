import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { systemClock, until } from '../../../src/clock.ts';
import { atProcessEnd } from '../process-end.ts';

/** A file system of its own, in memory. Disposal unmounts it and drops its content. */
export interface TinyDisk extends AsyncDisposable {
  readonly path: string;
  /** Bytes that can still be written; in whole pages, mostly of 4 KiB. */
  readonly freeBytes: number;
  /** Uses up the space except for this many bytes; the file that uses it is named `filler`. */
  fill(leaveBytes?: number): void;
  /** Frees that space. */
  free(): void;
  /**
   * Mounts it read-only: writing fails with EROFS. Rejects if a file stays open for writing
   * (EBUSY).
   */
  makeReadOnly(): Promise<void>;
  makeWritable(): Promise<void>;
}

/** This host or this user may not mount: a reason to skip a test, not to fail. */
export class MountRefused extends Error {}

const OPEN_FOR_WRITING_MS = 5000;
const REFUSED = /permission denied|operation not permitted|must be superuser/i;

/**
 * Mounts a disk of this many kilobytes at a path, which it creates. Rejects with MountRefused if
 * that is not allowed.
 */
export async function mountTinyDisk(path: string, kilobytes: number): Promise<TinyDisk> {
  mkdirSync(path, { recursive: true });
  await mount(['-t', 'tmpfs', '-o', `size=${kilobytes}k,mode=0700`, 'tmpfs', path]);
  // Processes with an open file there keep it; the path disappears for everything else.
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
      if (!(await until(remounted, patience))) throw new Error(`${path}: a file is still open for writing`);
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
