import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { atProcessEnd } from '../../world/process-end.ts';
import { LOWEST } from './real-time.ts';

/** The environment of the measured programs: their file system and cores. */
export interface Stage extends Disposable {
  /** The root file system of all programs: `/`, or that of another Debian. */
  readonly root: string;
  /** A folder with the same path inside and outside the root. Removed at the end. */
  readonly folder: string;
  /** The contender's core, and the cores that the client and the app share. */
  readonly cores: { readonly proxy: string; readonly others: string };
  /**
   * The path of an executable that runs `program` of the root on `cores`. It replaces itself by the
   * program, so the started process is the measured one. With `realTime` it has priority over all
   * other processes.
   */
  launcher(program: string, cores: string, realTime?: boolean): Promise<string>;
}

/** Programs on the stage resolve `names` to 127.0.0.1. Needs root: mounts and chroot. */
export async function openStage(root: string, names: readonly string[]): Promise<Stage> {
  const folder = await mkdtemp('/tmp/bench-');
  await chmod(folder, 0o755);
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const forget = atProcessEnd(remove);
  const hosts = join(folder, 'hosts');
  await writeFile(hosts, `127.0.0.1 localhost ${names.join(' ')}\n`);
  await mkdir(join(folder, 'bin'));
  // A mount point has to exist; a newly created root has none.
  if (root !== '/') await writeFile(join(root, 'etc/hosts'), '', { flag: 'a' });
  return {
    root,
    folder,
    cores: coresOf(availableParallelism()),
    async launcher(program, cores, realTime = false) {
      const path = join(folder, 'bin', `${program.split('/').at(-1)}-${randomBytes(4).toString('hex')}`);
      await writeFile(path, launcherScript({ root, hosts, program, cores, realTime }), { mode: 0o755 });
      return path;
    },
    [Symbol.dispose]() {
      remove();
      forget();
    },
  };
}

/** One core for the proxy, and all others for the programs that must not be the bottleneck. */
export function coresOf(count: number): Stage['cores'] {
  if (count < 2) throw new Error('two cores are needed: one for the proxy, one for client and app');
  return { proxy: '0', others: count === 2 ? '1' : `1-${count - 1}` };
}

interface Launch {
  readonly root: string;
  readonly hosts: string;
  readonly program: string;
  readonly cores: string;
  readonly realTime: boolean;
}

/** The mounts are in the program's own namespace and end with it. */
export function launcherScript({ root, hosts, program, cores, realTime }: Launch): string {
  const elsewhere = ['/dev', '/proc', '/tmp'].map((path) => `mount --rbind ${path} ${join(root, path)}`);
  const mounts = [`mount --bind ${hosts} ${join(root, 'etc/hosts')}`, ...(root === '/' ? [] : elsewhere)];
  return `#!/bin/sh
exec unshare --mount --propagation private sh -c '
set -e
${mounts.join('\n')}
exec ${realTime ? `chrt --rr ${LOWEST} ` : ''}taskset -c ${cores} chroot ${root} ${program} "$@"' sh "$@"
`;
}
