import { join } from 'node:path';
import { cachedProgram, fetchProgram } from './debian-package.ts';
import { startable } from './debian-program.ts';
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
  const original = suite === 'experimental' ? await experimental() : join(root, 'usr/sbin/haproxy');
  return startable(root, `usr/sbin/haproxy-${suite}`, original);
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
