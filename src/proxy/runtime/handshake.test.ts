import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createNetServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createServer } from 'node:tls';
import { afterTest } from '../../../test/harness/after-test.ts';
import { eventually } from '../../../test/harness/proxy/proxy.ts';
import { type TestCertificate, testCertificate } from '../../../test/harness/proxy/proxy-certificate.ts';
import { temporaryDirectory } from '../../../test/harness/temporary-directory.ts';
import { openServer } from '../../../test/world/open-server.ts';
import { systemClock } from '../../clock.ts';
import { verifyServed } from './handshake.ts';

/** A path for a Unix socket. */
async function freePath(t: TestContext): Promise<string> {
  return join(temporaryDirectory(t), 'own.sock');
}

/** A server that presents a certificate; resolves with the SNIs that it received. */
async function showing(t: TestContext, certificate: TestCertificate, path: string): Promise<string[]> {
  const snis: string[] = [];
  const { chainPem, keyPem } = certificate;
  const server = createServer({ cert: chainPem, key: keyPem.reveal() }, (socket) => {
    snis.push(String(socket.servername));
    socket.on('error', () => undefined);
    socket.resume();
  });
  server.listen(path);
  await once(server, 'listening');
  afterTest(t, () => server.close());
  return snis;
}

test('the certificate is compared by its fingerprint, with or without colons', async (t) => {
  const [certificate, path] = [await testCertificate('app.example'), await freePath(t)];
  const snis = await showing(t, certificate, path);
  const { fingerprint256 } = certificate;
  for (const written of [fingerprint256, fingerprint256.replaceAll(':', '').toLowerCase()]) {
    await verifyServed({ path, servername: 'app.example', fingerprint256: written, clock: systemClock });
  }
  await eventually('both handshakes', () => snis.length === 2);
  assert.deepEqual(snis, ['app.example', 'app.example']);
});

test('the SNI for a wildcard is a name below it', async (t) => {
  const [certificate, path] = [await testCertificate('*.app.example'), await freePath(t)];
  const snis = await showing(t, certificate, path);
  const { fingerprint256 } = certificate;
  await verifyServed({ path, servername: '*.app.example', fingerprint256, clock: systemClock });
  await eventually('the handshake', () => snis.length === 1);
  assert.match(snis[0] ?? '', /^[a-z-]+\.app\.example$/);
});

test('handshakes are repeated until the server presents the certificate', async (t) => {
  const [certificate, path] = [await testCertificate('app.example'), await freePath(t)];
  const { fingerprint256, servername } = certificate;
  const proven = verifyServed({ path, servername, fingerprint256, clock: systemClock });
  await systemClock.wait(150);
  await showing(t, certificate, path);
  await proven;
});

test('another certificate and a failed connection are reported in the error', async (t) => {
  const [certificate, path] = [await testCertificate('app.example'), await freePath(t)];
  const expected = { servername: 'app.example', fingerprint256: 'AB:CD', clock: systemClock, timeoutMs: 100 };
  await assert.rejects(verifyServed({ ...expected, path }), {
    code: 'HANDSHAKE_FAILED',
    details: {
      ...{ path, servername: 'app.example', expected: 'abcd' },
      seen: `connect ENOENT ${path}`,
    },
  });
  await showing(t, certificate, path);
  const seen = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
  await assert.rejects(verifyServed({ ...expected, path }), {
    code: 'HANDSHAKE_FAILED',
    details: { path, servername: 'app.example', expected: 'abcd', seen },
  });
});

test('a handshake with a silent server ends when the signal aborts', async (t) => {
  const path = await freePath(t);
  const silent = await openServer(createNetServer(), { path });
  afterTest(t, () => silent[Symbol.asyncDispose]());
  const stop = new AbortController();
  const reason = new Error('enough');
  const proven = verifyServed({
    ...{ path, servername: 'app.example', fingerprint256: 'AB', clock: systemClock },
    signal: stop.signal,
  });
  stop.abort(reason);
  await assert.rejects(proven, reason);
});

test('no connection is left open', async (t) => {
  const [certificate, path] = [await testCertificate('app.example'), await freePath(t)];
  await showing(t, certificate, path);
  const pipes = () => process.getActiveResourcesInfo().filter((name) => name === 'PipeWrap').length;
  const before = pipes();
  await verifyServed({ path, ...certificate, clock: systemClock });
  await eventually('both ends are closed', () => pipes() === before);
});
