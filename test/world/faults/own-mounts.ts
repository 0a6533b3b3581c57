import { execa } from 'execa';

/** A bind mount for one process and its children. */
export interface OwnMount {
  readonly source: string;
  readonly target: string;
}

const SCRIPT = `while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit; shift 2; done; shift; exec "$@"`;

/**
 * A command prefix that gives the command its own files and directories at these paths, like in a
 * container.
 */
export function ownMounts(mounts: readonly OwnMount[]): readonly [string, ...string[]] {
  const pairs = mounts.flatMap(({ source, target }) => [source, target]);
  return ['unshare', '--mount', 'sh', '-c', SCRIPT, 'sh', ...pairs, '--'];
}

/**
 * Why this host or this user cannot create mounts; undefined if it can. A reason to skip a test,
 * not to fail.
 */
export async function whyNoOwnMounts(): Promise<string | undefined> {
  const { failed, stderr } = await execa('unshare', ['--mount', 'true'], { reject: false });
  return failed ? `nothing can be mounted here: ${stderr}` : undefined;
}
