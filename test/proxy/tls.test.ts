import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import type { ConnectionOptions, SecureVersion, TLSSocket } from 'node:tls';
import type { ProxyCertificate } from '../../src/proxy/proxy.ts';
import { echo, startApp } from '../harness/apps/tcp-app.ts';
import { exchange, openTls } from '../harness/clients/tls.ts';
import { haproxyVersion, opensslVersion } from '../harness/proxy/haproxy-version.ts';
import { startTestProxy } from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';

async function serving(t: TestContext, certificate: ProxyCertificate): Promise<number> {
  const target = { host: '127.0.0.1', port: await startApp(t, echo) };
  const { port, proxy } = await startTestProxy(t, { target });
  await proxy.install(certificate);
  return port;
}

/**
 * The session to resume. TLS 1.3 sends tickets after the handshake (RFC 8446 §4.6.1), TLS 1.2 the
 * session within it.
 */
async function sessionOf(socket: TLSSocket): Promise<Buffer | undefined> {
  if (socket.getProtocol() === 'TLSv1.2') return socket.getSession();
  const [session] = await once(socket, 'session');
  return session;
}

const only = (version: SecureVersion): ConnectionOptions => ({ minVersion: version, maxVersion: version });

/** Both sides have to support ML-KEM, which requires OpenSSL 3.5. */
const mlkem = opensslVersion >= 305 && Number.parseFloat(process.versions.openssl) >= 3.5;

/** The group of the key exchange. Node types a key of TLS 1.2 and of no session as `{}`. */
const groupOf = (socket: TLSSocket): unknown => {
  const info = socket.getEphemeralKeyInfo();
  return info !== null && 'name' in info ? info.name : undefined;
};

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  const first = mlkem && version === 'TLSv1.3' ? 'X25519MLKEM768' : 'X25519';
  test(`${version}: ${first} is negotiated, and a session is resumed`, async (t) => {
    const port = await serving(t, await testCertificate('app.example'));
    const one = await openTls(t, port, 'app.example', only(version));
    const resumable = sessionOf(one);
    assert.equal(one.getProtocol(), version);
    assert.equal(groupOf(one), first);
    assert.equal(one.isSessionReused(), false);
    assert.equal(await exchange(one, 'hello'), 'hello');
    const session = await resumable;
    one.end();
    const second = await openTls(t, port, 'app.example', { ...only(version), ...(session && { session }) });
    assert.equal(second.isSessionReused(), true);
    assert.equal(await exchange(second, 'again'), 'again');
  });

  test(`${version}: every connection yields a session that the next one can resume`, async (t) => {
    const port = await serving(t, await testCertificate('app.example'));
    let session: Buffer | undefined;
    for (let connection = 0; connection < 10; connection += 1) {
      const socket = await openTls(t, port, 'app.example', { ...only(version), ...(session && { session }) });
      assert.equal(socket.isSessionReused(), connection > 0, `connection ${connection}`);
      const next = sessionOf(socket);
      assert.equal(await exchange(socket, 'hello'), 'hello');
      session = await next;
      socket.end();
    }
  });

  test(`${version}: tickets do not contain the session, so there is no ticket key to steal`, async (t) => {
    const port = await serving(t, await testCertificate('app.example'));
    const socket = await openTls(t, port, 'app.example', only(version));
    const resumable = sessionOf(socket);
    await exchange(socket, 'hello');
    await resumable;
    const { length = 0 } = socket.getTLSTicket() ?? {};
    assert.ok(length <= 32, `a ticket of ${length} bytes`);
  });

  // From 3.2 on HAProxy resumes a session only with the certificate of its full handshake.
  const outlive = haproxyVersion < 302;
  test(`${version}: connections survive a renewal, sessions ${outlive ? 'do too' : 'do not'}`, async (t) => {
    const target = { host: '127.0.0.1', port: await startApp(t, echo) };
    const { port, proxy } = await startTestProxy(t, { target });
    await proxy.install(await testCertificate('app.example'));
    const first = await openTls(t, port, 'app.example', only(version));
    const resumable = sessionOf(first);
    await exchange(first, 'hello');
    const session = await resumable;
    await proxy.install(await testCertificate('app.example'));
    const second = await openTls(t, port, 'app.example', { ...only(version), ...(session && { session }) });
    assert.equal(await exchange(second, 'again'), 'again');
    assert.equal(second.isSessionReused(), outlive);
    assert.equal(await exchange(first, 'still here'), 'still here');
  });
}

// In TLS 1.3 a client sends key shares for some groups, and the server prefers one of those: it
// saves a round trip.
const preferences: readonly [version: SecureVersion, offer: string, group: string][] = [
  ['TLSv1.2', 'P-384:P-256:X25519', 'X25519'],
  ['TLSv1.2', 'P-384:P-256', 'prime256v1'],
  ['TLSv1.3', 'P-521:P-384:X25519', 'X25519'],
  ['TLSv1.3', 'P-521:P-384', 'secp384r1'],
];
for (const [version, ecdhCurve, group] of preferences) {
  test(`${version}: of ${ecdhCurve} HAProxy chooses ${group}`, async (t) => {
    const port = await serving(t, await testCertificate('app.example'));
    const client = await openTls(t, port, 'app.example', { ...only(version), ecdhCurve });
    assert.equal(groupOf(client), group);
  });
}

test('other curves are refused', async (t) => {
  const port = await serving(t, await testCertificate('app.example'));
  await assert.rejects(openTls(t, port, 'app.example', { ecdhCurve: 'P-521' }));
});

test('no OCSP response is stapled, and a client that requests one is served without it', async (t) => {
  const port = await serving(t, await testCertificate('app.example'));
  const client = await openTls(t, port, 'app.example', { requestOCSP: true });
  const [response] = await Promise.race([
    once(client, 'OCSPResponse'),
    exchange(client, 'hello').then(() => [null]),
  ]);
  assert.equal(response, null);
});

test('renegotiation is refused', async (t) => {
  const port = await serving(t, await testCertificate('app.example'));
  const client = await openTls(t, port, 'app.example', only('TLSv1.2'));
  assert.equal(await exchange(client, 'hello'), 'hello');
  const refused = assert.rejects(once(client, 'close'), { code: 'ERR_SSL_NO_RENEGOTIATION' });
  client.renegotiate({}, () => undefined);
  await refused;
});

test('a client that prefers ChaCha20, as one without AES hardware, gets it', async (t) => {
  const port = await serving(t, await testCertificate('app.example'));
  const chaCha = 'TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256';
  const client = await openTls(t, port, 'app.example', { ciphers: chaCha });
  assert.equal(client.getCipher().name, 'TLS_CHACHA20_POLY1305_SHA256');
});

test('an RSA certificate is served to TLS 1.2 clients too', async (t) => {
  const port = await serving(t, await testCertificate('app.example', 'rsa'));
  const client = await openTls(t, port, 'app.example', only('TLSv1.2'));
  assert.match(client.getCipher().name, /^ECDHE-RSA-/);
});

test('TLS 1.1 and CBC ciphers are refused', async (t) => {
  const port = await serving(t, await testCertificate('app.example'));
  const old: ConnectionOptions = { ...only('TLSv1.1'), ciphers: 'DEFAULT@SECLEVEL=0' };
  await assert.rejects(openTls(t, port, 'app.example', old), /protocol version|alert/i);
  const cbc = { ...only('TLSv1.2'), ciphers: 'ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA' };
  await assert.rejects(openTls(t, port, 'app.example', cbc), /handshake failure/);
});
