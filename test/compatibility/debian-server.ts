import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { afterTest } from '../harness/after-test.ts';
import { temporaryDir } from '../harness/proxy/proxy.ts';
import { type Child, startChild } from '../world/child.ts';
import { unpackedPackages } from '../world/debian/debian-root.ts';

export interface DebianServer {
  /** Packages of Debian trixie. */
  readonly packages: readonly string[];
  /** Further lines of /etc/passwd; `root` and `nobody` are there. */
  readonly users?: readonly string[];
  /** Files by their absolute paths. */
  readonly files: Readonly<Record<string, string>>;
  /** Empty folders that everybody may write. */
  readonly folders?: readonly string[];
  /** The program with its arguments; it stays in the foreground. */
  readonly command: readonly string[];
}

const USERS = ['root:x:0:0:root:/root:/bin/sh', 'nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin'];

/** Writes are kept in memory, in a file system that nobody else sees. */
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
 * Runs a server as Debian has it, with the paths and users that it insists on, in a root directory
 * of its own.
 */
export async function startDebianServer(t: TestContext, server: DebianServer): Promise<Child> {
  const lower = await unpackedPackages('trixie', server.packages);
  const own = await temporaryDir(t);
  const above = await temporaryDir(t);
  const users = [...USERS, ...(server.users ?? [])];
  const groups = users.map((line) => line.split(':')).map(([name, , , gid]) => `${name}:x:${gid}:`);
  const files = { '/etc/passwd': lines(users), '/etc/group': lines(groups), ...server.files };
  for (const folder of ['dev', 'proc', 'tmp', ...(server.folders ?? [])]) {
    await mkdir(join(above, folder), { recursive: true });
    await chmod(join(above, folder), 0o777);
  }
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(above, dirname(path)), { recursive: true });
    // sshd refuses a key that others may read.
    await writeFile(join(above, path), text, { mode: text.includes('PRIVATE KEY') ? 0o600 : 0o644 });
  }
  for (const folder of ['bin', 'sbin', 'lib', 'lib64']) await symlink(`usr/${folder}`, join(above, folder));
  const args = ['--mount', 'sh', '-c', ENTER, 'sh', own, above, lower, ...server.command];
  const child = await startChild('unshare', { args, ownGroup: true });
  afterTest(t, () => child.end('SIGTERM', 5_000));
  return child;
}

const lines = (all: readonly string[]) => all.map((line) => `${line}\n`).join('');
