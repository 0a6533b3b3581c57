import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eventually } from '../harness/proxy/proxy.ts';
import { temporaryDirectory } from '../harness/temporary-directory.ts';
import { freePort } from '../world/free-port.ts';
import { startDebianServer } from './debian-server.ts';
import { ingressBefore, NAME } from './ingress.ts';
import { documented, run, succeed } from './run.ts';

/** Mail servers, which speak first, with clients that use implicit TLS. */

const MAIL = 'Subject: news\r\n\r\nhello\r\n';

/** Exim, which appends every message to one file; `delivered` returns its content. */
async function startExim(t: TestContext) {
  const port = await freePort();
  const config = `local_interfaces = 127.0.0.1
daemon_smtp_ports = ${port}
primary_hostname = mail.example
tls_advertise_hosts =
acl_smtp_rcpt = accept
acl_smtp_data = accept
begin routers
all:
  driver = accept
  transport = file
begin transports
file:
  driver = appendfile
  file = /tmp/mail
  user = nobody
  group = nogroup
`;
  const server = await startDebianServer(t, {
    packages: ['exim4-daemon-light'],
    users: ['Debian-exim:x:103:103::/var/spool/exim4:/bin/false', 'nogroup:x:65533:65534::/:/bin/false'],
    folders: ['var/spool/exim4', 'var/log/exim4', 'run/exim4'],
    files: { '/etc/exim4/exim4.conf': config },
    command: ['/usr/sbin/exim4', '-bdf', '-v'],
  });
  await server.seen(/listening for SMTP/, 10_000);
  const delivered = () => readFile(`/proc/${server.pid}/root/tmp/mail`, 'utf8').catch(() => '');
  return { port, delivered };
}

async function startDovecot(t: TestContext): Promise<number> {
  const port = await freePort();
  const config = `dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols = imap
ssl = no
auth_allow_cleartext = yes
log_path = /dev/stderr
mail_driver = maildir
mail_path = /mail
mail_uid = 1000
mail_gid = 1000
passdb static {
  password = secret
}
userdb static {
  fields {
    uid = 1000
    gid = 1000
    home = /mail
  }
}
service imap-login {
  inet_listener imap {
    listen = 127.0.0.1
    port = ${port}
  }
  inet_listener imaps {
    port = 0
  }
}
`;
  const server = await startDebianServer(t, {
    packages: ['dovecot-imapd'],
    users: ['dovecot:x:101:101::/:/bin/false', 'dovenull:x:102:102::/:/bin/false'],
    folders: ['mail', 'run/dovecot', 'var/lib/dovecot'],
    files: { '/etc/dovecot/dovecot.conf': config },
    command: ['/usr/sbin/dovecot', '-F'],
  });
  await server.seen(/starting up/, 10_000);
  return port;
}

/** A file with a message. */
async function messageIn(t: TestContext): Promise<string> {
  const path = join(temporaryDirectory(t), 'message');
  await writeFile(path, MAIL);
  return path;
}

test('curl sends a message by smtps:// to Exim', async (t) => {
  const { port, delivered } = await startExim(t);
  const front = await ingressBefore(t, `127.0.0.1:${port}`);
  const path = await messageIn(t);
  await succeed(front, documented('curl smtps://', front).replace(/message$/, path));
  await eventually('the message is delivered', async () => (await delivered()).includes('hello'));
});

test('openssl s_client and gnutls-cli get the greeting, with any ALPN', async (t) => {
  const { port } = await startExim(t);
  const front = await ingressBefore(t, `127.0.0.1:${port}`);
  const openssl = documented('openssl s_client', front);
  const gnutls = `${documented('gnutls-cli', front)} --x509cafile ${front.caFile}`;
  const commands = [openssl, `${openssl} -alpn h2`, `${openssl} -alpn imap`, gnutls, `${gnutls} --alpn h2`];
  for (const command of commands) {
    const { stdout } = await run(front, command, { input: 'QUIT\r\n' });
    assert.match(stdout, /^220 mail\.example ESMTP/m, command);
  }
});

test('STARTTLS cannot work: the client waits for a greeting, and the ingress for TLS', async (t) => {
  const { port } = await startExim(t);
  const front = await ingressBefore(t, `127.0.0.1:${port}`);
  const { exitCode } = await run(front, `curl -sS --max-time 2 --ssl-reqd smtp://${NAME}:${front.port}`);
  assert.equal(exitCode, 28, 'curl: the operation timed out');
});

test('curl stores a message in Dovecot by imaps://, and reads it', async (t) => {
  const front = await ingressBefore(t, `imap://127.0.0.1:${await startDovecot(t)}`);
  const curl = `${documented('curl imaps://', front)}:secret`;
  await succeed(front, `${curl} --upload-file ${await messageIn(t)}`);
  assert.match(await succeed(front, curl.replace('/INBOX', '"/INBOX;MAILINDEX=1"')), /^hello/m);
});
