import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { createServer } from 'node:tls';
import { eventually, freePort, startApp } from '../../test/doubles/proxy.ts';
import { type TestCertificate, testCertificate } from '../../test/doubles/proxy-certificate.ts';
import { systemClock } from '../clock.ts';
import { proveServed } from './handshake.ts';

/** A server that shows a certificate; resolves with the names that clients asked for. */
async function showing(
  t: TestContext,
  certificate: TestCertificate,
  port: number,
  greeting = '',
): Promise<string[]> {
  const asked: string[] = [];
  const { chainPem, keyPem } = certificate;
  const server = createServer({ cert: chainPem, key: keyPem.reveal() }, (socket) => {
    asked.push(String(socket.servername));
    socket.on('error', () => undefined);
    socket.write(greeting);
    socket.resume();
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return asked;
}

test('the certificate is proven by its fingerprint, however that is written', async (t) => {
  const [certificate, port] = [await testCertificate('app.example'), await freePort()];
  const asked = await showing(t, certificate, port);
  const { fingerprint256 } = certificate;
  for (const written of [fingerprint256, fingerprint256.replaceAll(':', '').toLowerCase()]) {
    await proveServed({ port, servername: 'app.example', fingerprint256: written, clock: systemClock });
  }
  await eventually('both were asked', () => asked.length === 2);
  assert.deepEqual(asked, ['app.example', 'app.example']);
});

test('a wildcard is asked for by a name below', async (t) => {
  const [certificate, port] = [await testCertificate('*.app.example'), await freePort()];
  const asked = await showing(t, certificate, port);
  const { fingerprint256 } = certificate;
  await proveServed({ port, servername: '*.app.example', fingerprint256, clock: systemClock });
  await eventually('it was asked', () => asked.length === 1);
  assert.match(asked[0] ?? '', /^[a-z-]+\.app\.example$/);
});

test('it is tried again until the server shows it', async (t) => {
  const [certificate, port] = [await testCertificate('app.example'), await freePort()];
  const { fingerprint256, servername } = certificate;
  const proven = proveServed({ port, servername, fingerprint256, clock: systemClock });
  await systemClock.wait(150);
  await showing(t, certificate, port);
  await proven;
});

test('another certificate, and nobody at all, are reported as they were seen', async (t) => {
  const [certificate, port] = [await testCertificate('app.example'), await freePort()];
  const expected = { servername: 'app.example', fingerprint256: 'AB:CD', clock: systemClock, timeoutMs: 100 };
  await assert.rejects(proveServed({ ...expected, port }), {
    code: 'HANDSHAKE_FAILED',
    message: /ECONNREFUSED/,
  });
  await showing(t, certificate, port);
  const seen = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
  await assert.rejects(proveServed({ ...expected, port }), {
    code: 'HANDSHAKE_FAILED',
    details: { port, servername: 'app.example', expected: 'abcd', seen },
  });
});

test('a server that stays silent is given up when the signal aborts', async (t) => {
  const port = await startApp(t, () => undefined);
  const stop = new AbortController();
  const reason = new Error('enough');
  const proven = proveServed({
    ...{ port, servername: 'app.example', fingerprint256: 'AB', clock: systemClock },
    signal: stop.signal,
  });
  stop.abort(reason);
  await assert.rejects(proven, reason);
});

test('what an app says first keeps no connection open', async (t) => {
  const [certificate, port] = [await testCertificate('app.example'), await freePort()];
  await showing(t, certificate, port, '220 the app speaks first');
  await proveServed({ port, ...certificate, clock: systemClock });
  await eventually('both ends are closed', () => !process.getActiveResourcesInfo().includes('TCPSocketWrap'));
});
