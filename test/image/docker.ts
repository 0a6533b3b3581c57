import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { type Child, startChild } from '../world/child.ts';
import { cacheFolder, type Engine, isExecutable, ownDirectory, runner } from './engine.ts';
import { removeTree } from './remove-tree.ts';

const START_MS = 30_000;
/** Seconds to wait for another test run, because two daemons cannot share a folder. */
const TURN_S = 1_200;

/**
 * The running Docker of this host, else an installed one that is started for the tests; undefined
 * if there is none.
 */
export async function openDocker(): Promise<Engine | undefined> {
  return (await runningDocker()) ?? (await ownDocker());
}

async function runningDocker(): Promise<Engine | undefined> {
  const { failed } = await execa('docker', ['version'], { reject: false, timeout: 10_000 });
  if (failed) return undefined;
  const environment = {};
  return {
    kind: 'docker',
    program: 'docker',
    environment,
    run: runner('docker', environment),
    async [Symbol.asyncDispose]() {},
  };
}

/**
 * In Debian's package only systemd starts the daemon, so this function starts it, with folders and
 * a socket of its own.
 */
async function ownDocker(): Promise<Engine | undefined> {
  if (!(await isExecutable('/usr/sbin/dockerd')) || !(await isExecutable('/usr/bin/docker')))
    return undefined;
  const directory = await ownDirectory('docker');
  const dataRoot = join(cacheFolder, 'docker');
  await mkdir(dataRoot, { recursive: true });
  const socket = `unix://${join(directory, 'docker.sock')}`;
  const environment = { DOCKER_HOST: socket, DOCKER_BUILDKIT: '1' };
  const run = runner('/usr/bin/docker', environment);
  const daemon = await startChild('setpriv', {
    // If this process is killed, the daemon ends, too: the next run needs the folder.
    args: [
      ...[
        '--pdeathsig',
        'TERM',
        'flock',
        '--no-fork',
        '--timeout',
        String(TURN_S),
        join(dataRoot, 'lock'),
        '/usr/sbin/dockerd',
      ],
      ...['--data-root', dataRoot, '--exec-root', join(directory, 'exec')],
      ...['--pidfile', join(directory, 'pid'), '--host', socket],
    ],
    // Ctrl-C in a terminal reaches the whole group, but containers have to be removed before their
    // daemon ends.
    ownGroup: true,
    lastSignal: 'SIGTERM',
  });
  const end = () => endDaemon(daemon, directory);
  try {
    await daemon.seen(/API listen on/, TURN_S * 1000 + START_MS);
  } catch (thrown) {
    await end();
    throw thrown;
  }
  return { kind: 'docker', program: '/usr/bin/docker', environment, run, [Symbol.asyncDispose]: end };
}

/** Sends SIGTERM first, because the daemon unmounts most of its mounts. */
async function endDaemon(daemon: Child, directory: string): Promise<void> {
  await daemon.end('SIGTERM', 20_000);
  await removeTree(directory);
}
