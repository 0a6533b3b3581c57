import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { systemClock, until } from '../../src/clock.ts';
import { startChild } from '../world/child.ts';
import { cacheFolder, type Engine, isExecutable, ownDirectory, runner } from './engine.ts';

const START_MS = 30_000;

/**
 * Settings that also work on hosts with few rights: runc and cgroupfs, and no limit above the
 * host's.
 */
const CONTAINERS_CONF = `[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
`;

/**
 * The environment in which podman and buildah use a store and settings inside the cache folder. The
 * host's own are not touched.
 */
export async function privateStore(): Promise<Readonly<Record<string, string>>> {
  const home = join(cacheFolder, 'containers');
  await mkdir(home, { recursive: true });
  const [conf, storage] = [join(home, 'containers.conf'), join(home, 'storage.conf')];
  const folders = `runroot = "${join(home, 'run')}"\ngraphroot = "${join(home, 'graph')}"`;
  await writeFile(conf, CONTAINERS_CONF);
  await writeFile(storage, `[storage]\ndriver = "overlay"\n${folders}\n`);
  return { CONTAINERS_CONF: conf, CONTAINERS_STORAGE_CONF: storage, BUILDAH_ISOLATION: 'chroot' };
}

/** Podman with the service that docker-compose talks to; undefined if it is not installed. */
export async function startPodman(): Promise<Engine | undefined> {
  const { failed } = await execa('podman', ['--version'], { reject: false });
  if (failed || !(await isExecutable('/usr/sbin/runc'))) return undefined;
  const store = await privateStore();
  const directory = await ownDirectory('podman');
  const socket = join(directory, 'podman.sock');
  const service = await startChild('setpriv', {
    args: ['--pdeathsig', 'TERM', 'podman', 'system', 'service', '--time=0', `unix://${socket}`],
    env: store,
    ownGroup: true,
  });
  const ask = () => execa('curl', ['-sf', '--unix-socket', socket, 'http://podman/_ping'], { reject: false });
  const answers = async () => ((await ask()).failed ? undefined : true);
  const end = async () => {
    await service.end('SIGTERM', 10_000);
    await rm(directory, { recursive: true, force: true });
  };
  if (!(await until(answers, { clock: systemClock, timeoutMs: START_MS, everyMs: 100 }))) {
    await end();
    throw new Error(`podman's service did not start:\n${service.lines.join('\n')}`);
  }
  const environment = { ...store, DOCKER_HOST: `unix://${socket}` };
  return {
    kind: 'podman',
    program: 'podman',
    environment,
    run: runner('podman', store),
    [Symbol.asyncDispose]: end,
  };
}
