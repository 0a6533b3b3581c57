import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { runtimePaths } from '../../src/proxy/process/runtime-dir.ts';
import { presentedCertificate } from '../../src/proxy/runtime/handshake.ts';
import { runtimeApi } from '../../src/proxy/runtime/runtime-api.ts';
import { echo, startApp } from '../harness/apps/tcp-app.ts';
import { exchange, openTls } from '../harness/clients/tls.ts';
import { eventually, type RunningTest, startTestProxy } from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';

const MAXCONN = 3;

/** A proxy with MAXCONN clients. */
async function fullProxy(t: TestContext): Promise<RunningTest & { appPort: number }> {
  const target = { host: '127.0.0.1', port: await startApp(t, echo) };
  const running = await startTestProxy(t, { target, maxconn: MAXCONN });
  await running.proxy.install(await testCertificate('app.example'));
  for (let client = 0; client < MAXCONN; client += 1)
    assert.equal(await exchange(await openTls(t, running.port, 'app.example'), 'hello'), 'hello');
  return { ...running, appPort: target.port };
}

test('with MAXCONN clients, a certificate can still be installed and verified', async (t) => {
  const { proxy, runtimeDir, lines } = await fullProxy(t);
  const next = await testCertificate('app.example');
  await proxy.install(next);
  const attempt = {
    path: runtimePaths(runtimeDir).handshakeSocket,
    servername: 'app.example',
    clock: systemClock,
  };
  const shown = await presentedCertificate({ ...attempt, timeoutMs: 3_000 });
  assert.equal(shown.fingerprint256, next.fingerprint256);
  // HAProxy does not log our own handshakes.
  assert.ok(!lines.some(({ msg }) => / own(?:\/|~| )/.test(msg)), JSON.stringify(lines));
});

test('a client beyond MAXCONN waits until another one is gone', async (t) => {
  const { port, appPort, runtimeDir } = await fullProxy(t);
  const [open, waiting] = [await openConnections(runtimeDir), openTls(t, port, 'app.example')];
  assert.equal(open, String(MAXCONN));
  const api = runtimeApi(runtimePaths(runtimeDir).socket, systemClock);
  assert.equal(await api.send(`shutdown sessions server tcp:127.0.0.1:${appPort}/app`), '');
  assert.equal(await exchange(await waiting, 'me too'), 'me too');
});

/** The number of client connections. */
async function openConnections(runtimeDir: string): Promise<string | undefined> {
  const api = runtimeApi(runtimePaths(runtimeDir).socket, systemClock);
  let now: string | undefined;
  await eventually('the count', async () => {
    const [head = '', row = ''] = (await api.send('show stat tls 1 -1')).split('\n');
    now = row.split(',')[head.split(',').indexOf('scur')];
    return now !== undefined;
  });
  return now;
}
