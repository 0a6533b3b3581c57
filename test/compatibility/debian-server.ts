import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { afterTest } from '../harness/after-test.ts';
import { temporaryDirectory } from '../harness/temporary-directory.ts';
import { type Child, startChild } from '../world/child.ts';
import { unpackedPackages } from '../world/debian/debian-root.ts';

export interface DebianServer {
  /** Packages of Debian trixie. */
  readonly packages: readonly string[];
  /** Additional lines of /etc/passwd, besides `root` and `nobody`. */
  readonly users?: readonly string[];
  /** Files by absolute path. */
  readonly files: Readonly<Record<string, string>>;
  /** Empty directories that every user may write to. */
  readonly folders?: readonly string[];
  /** The program with its arguments, which make it stay in the foreground. */
  readonly command: readonly string[];
}

const USERS = ['root:x:0:0:root:/root:/bin/sh', 'nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin'];

/** Writes go to memory, in a file system of this process only. */
const ENTER = `set -e
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay none -o "lowerdir=$2:$3,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount --bind /dev "$1/root/dev"
mount --bind /proc "$1/root/proc"
root=$1/root
shift 3
exec chroot "$root" "$@"`;

/**
 * Runs a server from Debian, with the paths and users that it requires, in a root directory of its
 * own.
 */
export async function startDebianServer(t: TestContext, server: DebianServer): Promise<Child> {
  const lower = await unpackedPackages('trixie', server.packages);
  const own = temporaryDirectory(t);
  const above = temporaryDirectory(t);
  const users = [...USERS, ...(server.users ?? [])];
  const groups = users.map((line) => line.split(':')).map(([name, , , gid]) => `${name}:x:${gid}:`);
  const files = { '/etc/passwd': lines(users), '/etc/group': lines(groups), ...server.files };
  for (const folder of ['dev', 'proc', 'tmp', ...(server.folders ?? [])]) {
    await mkdir(join(above, folder), { recursive: true });
    await chmod(join(above, folder), 0o777);
  }
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(above, dirname(path)), { recursive: true });
    // sshd refuses a private key that other users may read.
    await writeFile(join(above, path), text, { mode: text.includes('PRIVATE KEY') ? 0o600 : 0o644 });
  }
  for (const folder of ['bin', 'sbin', 'lib', 'lib64']) await symlink(`usr/${folder}`, join(above, folder));
  const args = ['--mount', 'sh', '-c', ENTER, 'sh', own, above, lower, ...server.command];
  const child = await startChild('unshare', { args, ownGroup: true });
  afterTest(t, () => child.end('SIGTERM', 5_000));
  return child;
}

const lines = (all: readonly string[]) => all.map((line) => `${line}\n`).join('');
