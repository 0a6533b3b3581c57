import assert from 'node:assert/strict';
import { test } from 'node:test';
import { greeter, startApp } from '../harness/apps/tcp-app.ts';
import { helperNames, startHelper } from './helpers.ts';
import { type Front, ingressBefore } from './ingress.ts';
import { documented, run } from './run.ts';

/** The commands of docs/traffic.md verify the server before they send anything. */

const commands = [
  'psql ',
  'valkey-cli ',
  'mosquitto_pub ',
  'curl smtps://',
  'curl imaps://',
  'openssl s_client ',
  'gnutls-cli ',
  'ProxyCommand openssl ',
  'ProxyCommand socat ',
  'ProxyCommand ncat ',
];

/** The commands that do not verify the host name. */
const unverified = 'valkey-cli ';

const wrongCertificates: [what: string, certified: string, of: (front: Front) => Front, asked: string[]][] = [
  [
    'of an untrusted CA',
    'localhost',
    (front) => ({ ...front, environment: { ...front.environment, SSL_CERT_FILE: '', CURL_CA_BUNDLE: '' } }),
    commands,
  ],
  [
    'of another host',
    'other.example',
    (front) => front,
    commands.filter((command) => command !== unverified),
  ],
];
for (const [what, certified, of, asked] of wrongCertificates) {
  test(`a certificate ${what} is refused by each command`, async (t) => {
    let received = '';
    const server = await startApp(t, (socket) => {
      greeter('220 ready\r\n')(socket);
      socket.on('data', (chunk) => {
        received += String(chunk);
      });
    });
    const front = of(await ingressBefore(t, `postgres://127.0.0.1:${server}`, certified));
    for (const beginning of asked) {
      const command = documented(beginning, front)
        .replace('ProxyCommand ', '')
        .replace(/message$/, '/dev/null');
      const { exitCode, stdout } = await run(front, `${command}${beginning === unverified ? ' PING' : ''}`, {
        input: 'hello\r\n',
      });
      assert.notEqual(exitCode, 0, command);
      assert.doesNotMatch(stdout, /220 ready/, command);
    }
    assert.equal(received, '');
  });
}

for (const name of helperNames) {
  test(`${name} forwards nothing if the certificate is for another host`, async (t) => {
    const server = await startApp(t, greeter('220 ready\r\n'));
    const front = await ingressBefore(t, `127.0.0.1:${server}`, 'other.example');
    const local = await startHelper(t, name, front);
    const { stdout } = await run(front, ['socat', '-', `TCP:127.0.0.1:${local}`]);
    assert.equal(stdout, '');
  });
}
