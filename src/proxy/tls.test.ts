import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import type { ConnectionOptions, SecureVersion, TLSSocket } from 'node:tls';
import { execa } from 'execa';
import { echo, haproxyBin, openTls, say, startApp, startTestProxy } from '../../test/doubles/proxy.ts';
import { testCertificate } from '../../test/doubles/proxy-certificate.ts';
import type { CertificateBundle } from './proxy.ts';

async function serving(t: TestContext, certificate: CertificateBundle): Promise<number> {
  const target = { host: '127.0.0.1', port: await startApp(t, echo) };
  const { port, proxy } = await startTestProxy(t, { target });
  await proxy.install(certificate);
  return port;
}

/** What to resume with. TLS 1.3 sends tickets after the handshake (RFC 8446 §4.6.1), TLS 1.2 within it. */
async function sessionOf(socket: TLSSocket): Promise<Buffer | undefined> {
  if (socket.getProtocol() === 'TLSv1.2') return socket.getTLSTicket() && socket.getSession();
  const [session] = await once(socket, 'session');
  return session;
}

const only = (version: SecureVersion): ConnectionOptions => ({ minVersion: version, maxVersion: version });

/** Node's types know of curves only. */
function nameOf(key: object | null): unknown {
  return key && 'name' in key ? key.name : undefined;
}

/** Whether the OpenSSL of HAProxy is one with ML-KEM, as Node's is. */
const { stdout: built } = await execa(haproxyBin, ['-vv']);
const hybrid = /Running on OpenSSL version : OpenSSL (3\.[5-9]|[4-9])/.test(built);

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${version}: X25519 (with ML-KEM where both have it) is negotiated first, and a session is resumed`, async (t) => {
    const port = await serving(t, await testCertificate('app.example'));
    const first = await openTls(t, port, 'app.example', only(version));
    const resumable = sessionOf(first);
    assert.equal(first.getProtocol(), version);
    assert.equal(
      nameOf(first.getEphemeralKeyInfo()),
      hybrid && version === 'TLSv1.3' ? 'X25519MLKEM768' : 'X25519',
    );
    assert.equal(first.isSessionReused(), false);
    assert.equal(await say(first, 'hello'), 'hello');
    const session = await resumable;
    first.end();
    const second = await openTls(t, port, 'app.example', { ...only(version), ...(session && { session }) });
    assert.equal(second.isSessionReused(), true);
    assert.equal(await say(second, 'again'), 'again');
  });

  test(`${version}: sessions outlive a renewal`, async (t) => {
    const target = { host: '127.0.0.1', port: await startApp(t, echo) };
    const { port, proxy } = await startTestProxy(t, { target });
    await proxy.install(await testCertificate('app.example'));
    const first = await openTls(t, port, 'app.example', only(version));
    const resumable = sessionOf(first);
    await say(first, 'hello');
    const session = await resumable;
    await proxy.install(await testCertificate('app.example'));
    const second = await openTls(t, port, 'app.example', { ...only(version), ...(session && { session }) });
    assert.equal(await say(second, 'again'), 'again');
    assert.equal(second.isSessionReused(), true);
  });
}

test('the curve is ours to choose among those that the client offers', async (t) => {
  const port = await serving(t, await testCertificate('app.example'));
  const preferring = { ecdhCurve: 'P-521:P-384:X25519' };
  const client = await openTls(t, port, 'app.example', preferring);
  assert.deepEqual(client.getEphemeralKeyInfo(), { type: 'ECDH', name: 'X25519', size: 253 });
  await assert.rejects(openTls(t, port, 'app.example', { ecdhCurve: 'P-521' }));
});

test('a client without AES hardware, which puts ChaCha20 first, gets it', async (t) => {
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
