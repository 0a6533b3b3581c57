import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { execaSync } from 'execa';
import { unpackedPackages } from './debian-root.ts';

/** A program of this host, or of a folder that has all its libraries. */
export interface InstalledProgram {
  readonly command: string;
  /** Precede the program's own arguments. */
  readonly args: readonly string[];
  /** The folder that holds its `usr`. */
  readonly root: string;
  /** The folder of its libraries, unless they are the host's own. */
  readonly libraries?: string;
}

/** A program of this host, from PATH. */
export function installed(command: string): InstalledProgram {
  return { command, args: [], root: '/' };
}

/**
 * A name server of this host or, if NAME_SERVERS names a Debian suite, of that suite, with its
 * libraries and its loader.
 */
export async function nameServer(command: string, packages: readonly string[]): Promise<InstalledProgram> {
  const suite = process.env['NAME_SERVERS'];
  if (!suite) return installed(command);
  const root = await unpackedPackages(suite, packages);
  const [loader] = globSync('usr/lib/*/ld-linux*.so.*', { cwd: root });
  if (!loader) throw new Error(`no loader in ${root}: NAME_SERVERS takes trixie and newer`);
  const libraries = join(root, dirname(loader));
  const args = ['--library-path', libraries, join(root, 'usr/sbin', command)];
  return { command: join(root, loader), args, root, libraries };
}

/** The version that a program reports: major and minor. */
export function versionOf({ command, args }: InstalledProgram, option: string): readonly [number, number] {
  const { all } = execaSync(command, [...args, option], { all: true, reject: false });
  const [, major, minor] = /(\d+)\.(\d+)\.\d+/.exec(all) ?? [];
  return [Number(major), Number(minor)];
}
