import { join } from 'node:path';
import { cachedProgram, fetchProgram } from './debian-package.ts';
import { startable } from './debian-program.ts';
import { unpackedPackages } from './debian-root.ts';
import { installed, versionOf } from './installed-program.ts';

/** The suites of Debian from trixie on that differ in HAProxy. */
export const HAPROXY_SUITES = ['trixie', 'forky', 'experimental'] as const;
export type HaproxySuite = (typeof HAPROXY_SUITES)[number];

/** An HAProxy as new as the image's: this host's own, or that of the suite which the image is made of. */
export async function haproxyOfImage(): Promise<string> {
  const [major] = versionOf(installed('haproxy'), '-v');
  return major >= 3 ? 'haproxy' : await haproxyOf('trixie');
}

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
