import { globSync } from 'node:fs';
import { copyFile, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { execa } from 'execa';
import { cachedProgram, fetchProgram } from './debian-package.ts';
import { unpackedPackages } from './debian-root.ts';

/** The suites of Debian from trixie on that differ in HAProxy; bookworm's is what a test host has. */
export const HAPROXY_SUITES = ['trixie', 'forky', 'experimental'] as const;
export type HaproxySuite = (typeof HAPROXY_SUITES)[number];

/**
 * The path of the HAProxy of a suite of Debian, with the OpenSSL and the C library of Debian's: one program that starts by itself,
 * as HAPROXY_BIN wants it. Fetched into the cache folder when it is not there yet. Needs patchelf (Debian: `patchelf`).
 */
export async function haproxyOf(suite: HaproxySuite): Promise<string> {
  // What is experimental has no libraries of its own.
  const root = await unpackedPackages(suite === 'experimental' ? 'forky' : suite, ['haproxy']);
  const program = join(root, `usr/sbin/haproxy-${suite}`);
  if (await stat(program).catch(() => undefined)) return program;
  const [loader] = globSync('usr/lib/*/ld-linux*.so.*', { cwd: root });
  if (!loader) throw new Error(`no loader in ${root}`);
  const unfinished = `${program}.${process.pid}`;
  await copyFile(
    suite === 'experimental' ? await experimental() : join(root, 'usr/sbin/haproxy'),
    unfinished,
  );
  // An RPATH, unlike a RUNPATH, holds for the libraries of libraries too (ld.so(8)).
  const libraries = ['--force-rpath', '--set-rpath', join(root, dirname(loader))];
  await execa('patchelf', ['--set-interpreter', join(root, loader), ...libraries, unfinished]);
  await rename(unfinished, program);
  return program;
}

async function experimental(): Promise<string> {
  const wanted = {
    suite: 'experimental',
    package: 'haproxy',
    program: 'usr/sbin/haproxy',
    oldest: [3, 4],
  } as const;
  return (await cachedProgram(wanted)) ?? (await fetchProgram(wanted));
}
