import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { systemClock, until } from '../../src/clock.ts';
import { type Child, startChild } from '../world/child.ts';
import { cacheFolder, type Engine, isExecutable, runner } from './engine.ts';

const START_MS = 30_000;

/** The Docker that runs on this host, else one that is installed and is started for the tests; undefined when there is none. */
export async function openDocker(): Promise<Engine | undefined> {
  return (await runningDocker()) ?? (await ownDocker());
}

async function runningDocker(): Promise<Engine | undefined> {
  const { failed } = await execa('docker', ['version'], { reject: false, timeout: 10_000 });
  if (failed) return undefined;
  const environment = {};
  return {
    kind: 'docker',
    environment,
    run: runner('docker', environment),
    async [Symbol.asyncDispose]() {},
  };
}

/** Debian's package has a daemon that only systemd would start: it is started here, with folders and a socket of its own. */
async function ownDocker(): Promise<Engine | undefined> {
  if (!(await isExecutable('/usr/sbin/dockerd')) || !(await isExecutable('/usr/bin/docker')))
    return undefined;
  const directory = await mkdtemp(join(tmpdir(), 'dstack-ingress-docker-'));
  const dataRoot = join(cacheFolder, 'docker');
  await mkdir(dataRoot, { recursive: true });
  const socket = `unix://${join(directory, 'docker.sock')}`;
  const environment = { DOCKER_HOST: socket, DOCKER_BUILDKIT: '1' };
  const run = runner('/usr/bin/docker', environment);
  const folders = ['--data-root', dataRoot, '--exec-root', join(directory, 'exec')];
  const daemon = await startChild('/usr/sbin/dockerd', {
    args: [...folders, '--pidfile', join(directory, 'pid'), '--host', socket],
  });
  const answers = () => run(['version']).catch(() => undefined);
  const end = () => endDaemon(daemon, directory);
  if ((await until(answers, { clock: systemClock, timeoutMs: START_MS, everyMs: 100 })) === undefined) {
    await end();
    throw new Error(`dockerd did not start:\n${daemon.lines.slice(-20).join('\n')}`);
  }
  return { kind: 'docker', environment, run, [Symbol.asyncDispose]: end };
}

/** It unmounts what it has mounted, so it is asked first. */
async function endDaemon(daemon: Child, directory: string): Promise<void> {
  await daemon.end('SIGTERM', 20_000);
  await rm(directory, { recursive: true, force: true });
}
