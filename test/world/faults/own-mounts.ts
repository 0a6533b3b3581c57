import { execa } from 'execa';

/** What stands at a place for one process and those that it starts. */
export interface OwnMount {
  readonly source: string;
  readonly target: string;
}

const SCRIPT = `while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit; shift 2; done; shift; exec "$@"`;

/** What goes before a command so that it has files and directories of its own in these places, as a container has. */
export function ownMounts(mounts: readonly OwnMount[]): readonly [string, ...string[]] {
  const pairs = mounts.flatMap(({ source, target }) => [source, target]);
  return ['unshare', '--mount', 'sh', '-c', SCRIPT, 'sh', ...pairs, '--'];
}

/** Why this host, or this user, cannot have mounts of its own; undefined when it can. A reason to skip, not to fail. */
export async function whyNoOwnMounts(): Promise<string | undefined> {
  const { failed, stderr } = await execa('unshare', ['--mount', 'true'], { reject: false });
  return failed ? `nothing can be mounted here: ${stderr}` : undefined;
}
