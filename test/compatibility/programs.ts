import { mkdir, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { startable } from '../world/debian/debian-program.ts';
import { unpackedPackages } from '../world/debian/debian-root.ts';

const CLIENTS = [
  'curl',
  'gnutls-bin',
  'mosquitto-clients',
  'ncat',
  'openssh-client',
  'openssl',
  'postgresql-client-17',
  'socat',
  'stunnel4',
  'valkey-tools',
];

const PROGRAMS = [
  'usr/bin/curl',
  'usr/bin/gnutls-cli',
  'usr/bin/mosquitto_pub',
  'usr/bin/mosquitto_sub',
  'usr/bin/ncat',
  'usr/bin/openssl',
  'usr/bin/socat',
  'usr/bin/ssh',
  'usr/bin/ssh-keygen',
  'usr/bin/stunnel',
  'usr/bin/valkey-cli',
  'usr/lib/postgresql/17/bin/psql',
];

/**
 * A server program from a package of Debian trixie, such as `usr/sbin/mosquitto` of `mosquitto`.
 */
export async function serverProgram(packageName: string, path: string): Promise<string> {
  return startable(await unpackedPackages('trixie', [packageName]), path);
}

/** A directory with only the clients of Debian trixie, under their usual names. */
export async function clientFolder(): Promise<string> {
  const root = await unpackedPackages('trixie', CLIENTS);
  const folder = join(root, 'clients');
  await mkdir(folder, { recursive: true });
  for (const path of PROGRAMS) {
    const program = await startable(root, path);
    await symlink(program, join(folder, basename(path))).catch(isThere);
  }
  return folder;
}

function isThere(thrown: NodeJS.ErrnoException): void {
  if (thrown.code !== 'EEXIST') throw thrown;
}
