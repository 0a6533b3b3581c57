import process from 'node:process';
import { execa } from 'execa';
import { cachedProgram, type DebianProgram, fetchProgram, isNewEnough } from '../debian/debian-package.ts';

const PEBBLE: DebianProgram = {
  suite: 'forky',
  package: 'pebble',
  program: 'usr/bin/pebble',
  // The first version with profiles, ARI, alreadyReplaced and dns-persist-01.
  oldest: [2, 10],
};

/**
 * The path of a recent enough Pebble: from the cache folder, else from PATH, else downloaded from
 * Debian into the cache folder. Rejects with what is missing.
 */
export async function findPebble(): Promise<string> {
  return (await cachedProgram(PEBBLE)) ?? (await pebbleInPath()) ?? (await fetchProgram(PEBBLE));
}

async function pebbleInPath(): Promise<string | undefined> {
  const { stdout = '' } = await execa('pebble', ['-version'], { reject: false });
  const version = /Pebble version: v?(\S+)/.exec(stdout)?.[1];
  return version && isNewEnough(version, PEBBLE.oldest) ? 'pebble' : undefined;
}

if (import.meta.main) process.stdout.write(`${await findPebble()}\n`);
