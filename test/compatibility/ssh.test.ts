import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryDirectory } from '../harness/temporary-directory.ts';
import { freePort } from '../world/free-port.ts';
import { startDebianServer } from './debian-server.ts';
import { type Front, ingressBefore, NAME } from './ingress.ts';
import { documented, succeed } from './run.ts';

/** OpenSSH client and server, with TLS by another program. */

/** Starts sshd, to which root can log in with the key in the file. */
async function startSshd(t: TestContext): Promise<{ front: Front; key: string }> {
  const directory = temporaryDirectory(t);
  const port = await freePort();
  const front = await ingressBefore(t, `127.0.0.1:${port}`);
  const make = async (name: string) => {
    await succeed(front, ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(directory, name)]);
    return readFile(join(directory, name), 'utf8');
  };
  const config = [`Port ${port}`, 'ListenAddress 127.0.0.1', 'HostKey /etc/ssh/host', 'UsePAM no'];
  await make('user');
  const server = await startDebianServer(t, {
    packages: ['openssh-server', 'dash', 'coreutils'],
    users: ['sshd:x:100:65534::/run/sshd:/usr/sbin/nologin'],
    files: {
      '/etc/ssh/host': await make('host'),
      '/etc/ssh/sshd_config': `${config.join('\n')}\n`,
      '/root/.ssh/authorized_keys': await readFile(join(directory, 'user.pub'), 'utf8'),
      '/run/sshd/empty': '',
    },
    command: ['/usr/sbin/sshd', '-D', '-e'],
  });
  await server.seen(/Server listening/, 10_000);
  return { front, key: join(directory, 'user') };
}

for (const program of ['openssl s_client', 'socat', 'ncat']) {
  test(`ssh through ${program}: a command, and a megabyte in either direction`, async (t) => {
    const { front, key } = await startSshd(t);
    const proxyCommand = documented(`ProxyCommand ${program}`, front).replace(' ', '=');
    const unknown = ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'];
    const ssh = ['ssh', '-F', 'none', '-i', key, ...unknown, '-o', proxyCommand, `root@${NAME}`];
    // Letters that s_client interprets as commands without -quiet.
    const input = `Q\nR\nk\n${randomBytes(500_000).toString('hex')}`;
    const answer = await succeed(front, [...ssh, 'tee /tmp/sent; sha256sum </tmp/sent'], { input });
    assert.equal(answer, `${input}${createHash('sha256').update(input).digest('hex')}  -`);
  });
}
