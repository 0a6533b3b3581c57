import process from 'node:process';
import { execa } from 'execa';
import {
  cachedProgram,
  type DebianProgram,
  fetchProgram,
  isNewEnough,
} from '../world/debian/debian-package.ts';

const DOCKER_COMPOSE: DebianProgram = {
  suite: 'trixie',
  package: 'docker-compose',
  program: 'usr/bin/docker-compose',
  // The oldest version known to work with podman.
  oldest: [2, 26],
};

/**
 * The path of a recent enough docker-compose: from PATH, else from the cache folder, else
 * downloaded once from Debian into the cache folder. It talks to Docker, or to the podman whose
 * socket DOCKER_HOST names. Rejects with what is missing.
 */
export async function findDockerCompose(): Promise<string> {
  return (await composeInPath()) ?? (await cachedProgram(DOCKER_COMPOSE)) ?? fetchProgram(DOCKER_COMPOSE);
}

async function composeInPath(): Promise<string | undefined> {
  const { stdout = '' } = await execa('docker-compose', ['version', '--short'], { reject: false });
  return isNewEnough(stdout.replace(/^v/, ''), DOCKER_COMPOSE.oldest) ? 'docker-compose' : undefined;
}

if (import.meta.main) process.stdout.write(`${await findDockerCompose()}\n`);
