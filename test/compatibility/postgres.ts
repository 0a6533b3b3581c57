import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { execa } from 'execa';
import { afterTest } from '../harness/after-test.ts';
import { temporaryDirectory } from '../harness/temporary-directory.ts';
import { startChild } from '../world/child.ts';
import { freePort } from '../world/free-port.ts';
import { serverProgram } from './programs.ts';

export const USER = 'me';
export const PASSWORD = 'secret';

/**
 * PostgreSQL does not run as root. The user `nobody` exists on every host, and in this user
 * namespace it is mapped to root, so it owns root's files.
 */
const asNobody = ['--user', '--map-user=nobody', '--map-group=nogroup'];

const program = (name: string) => serverProgram('postgresql-17', join('usr/lib/postgresql/17/bin', name));

/**
 * A PostgreSQL 17 on the returned port of a loopback address: without TLS, with SCRAM for every
 * user.
 */
export async function startPostgres(t: TestContext): Promise<number> {
  const directory = temporaryDirectory(t);
  const data = join(directory, 'data');
  const passwords = join(directory, 'password');
  await writeFile(passwords, PASSWORD);
  const [initdb, postgres] = [await program('initdb'), await program('postgres')];
  const access = ['--auth=scram-sha-256', `--username=${USER}`, `--pwfile=${passwords}`];
  await execa('unshare', [...asNobody, initdb, '-D', data, ...access, '--no-sync', '--locale=C']);
  const port = await freePort();
  const where = ['-p', String(port), '-k', directory, '-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off'];
  const child = await startChild('unshare', { args: [...asNobody, postgres, '-D', data, ...where] });
  // The immediate shutdown: the server's children would survive a SIGKILL.
  afterTest(t, () => child.end('SIGQUIT', 10_000));
  await child.seen(/ready to accept connections/, 30_000);
  return port;
}
