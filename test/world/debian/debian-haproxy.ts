import { join } from 'node:path';
import { cachedProgram, fetchProgram } from './debian-package.ts';
import { startable } from './debian-program.ts';
import { unpackedPackages } from './debian-root.ts';
import { installed, versionOf } from './installed-program.ts';

/** The Debian suites from trixie on that differ in their HAProxy. */
export const HAPROXY_SUITES = ['trixie', 'forky', 'experimental'] as const;
export type HaproxySuite = (typeof HAPROXY_SUITES)[number];

/** An HAProxy as recent as the image's: this host's, or that of the image's suite. */
export async function haproxyOfImage(): Promise<string> {
  const [major] = versionOf(installed('haproxy'), '-v');
  return major >= 3 ? 'haproxy' : await haproxyOf('trixie');
}

/**
 * The path of the HAProxy of a Debian suite, with that suite's OpenSSL and C library: a program
 * that starts without a wrapper, as HAPROXY_BIN requires. Downloaded into the cache folder if
 * missing. Needs patchelf (Debian: `patchelf`).
 */
export async function haproxyOf(suite: HaproxySuite): Promise<string> {
  // The suite experimental does not have all the libraries.
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
