import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { atProcessEnd } from '../../world/process-end.ts';
import { LOWEST } from './real-time.ts';

/** Where the programs that are measured run: which file system they see, and on which cores. */
export interface Stage extends Disposable {
  /** The root file system of all programs: `/`, or that of another Debian. */
  readonly root: string;
  /** A folder under the same path inside and outside the root. Removed at the end. */
  readonly folder: string;
  /** The core that the contender has, and the cores that the client and the app share. */
  readonly cores: { readonly proxy: string; readonly others: string };
  /**
   * The path of an executable that runs `program` of the root on `cores`: it becomes the program, so that the process that was
   * started is the one that is measured. With `realTime` it goes before everybody else.
   */
  launcher(program: string, cores: string, realTime?: boolean): Promise<string>;
}

/** `names` are looked up as 127.0.0.1 by whatever runs on the stage. Root is needed: mounts and chroot. */
export async function openStage(root: string, names: readonly string[]): Promise<Stage> {
  const folder = await mkdtemp('/tmp/bench-');
  await chmod(folder, 0o755);
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const forget = atProcessEnd(remove);
  const hosts = join(folder, 'hosts');
  await writeFile(hosts, `127.0.0.1 localhost ${names.join(' ')}\n`);
  await mkdir(join(folder, 'bin'));
  // What is mounted on has to be there; a root that was made for this has none.
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

/** One core for the proxy, all others for what must not be the limit. */
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

/** The mounts are in a namespace of the program's own, and go with it. */
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
