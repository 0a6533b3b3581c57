import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { runtimePaths } from '../../src/proxy/process/runtime-dir.ts';
import { presentedCertificate } from '../../src/proxy/runtime/handshake.ts';
import { runtimeApi } from '../../src/proxy/runtime/runtime-api.ts';
import {
  echo,
  eventually,
  openTls,
  type RunningTest,
  say,
  startApp,
  startTestProxy,
} from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';

const MAXCONN = 3;

/** A proxy whose every connection is taken by clients. */
async function fullProxy(t: TestContext): Promise<RunningTest & { appPort: number }> {
  const target = { host: '127.0.0.1', port: await startApp(t, echo) };
  const running = await startTestProxy(t, { target, maxconn: MAXCONN });
  await running.proxy.install(await testCertificate('app.example'));
  for (let client = 0; client < MAXCONN; client += 1)
    assert.equal(await say(await openTls(t, running.port, 'app.example'), 'hello'), 'hello');
  return { ...running, appPort: target.port };
}

test('when others have every connection, a certificate is proven all the same', async (t) => {
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
  // HAProxy tells of nothing that we do ourselves.
  assert.ok(!lines.some(({ msg }) => / own(?:\/|~| )/.test(msg)), JSON.stringify(lines));
});

test('others get no more than MAXCONN, and wait for a place', async (t) => {
  const { port, appPort, runtimeDir } = await fullProxy(t);
  const [freed, waiting] = [await openFirst(runtimeDir), openTls(t, port, 'app.example')];
  assert.equal(freed, String(MAXCONN));
  const socket = runtimeApi(runtimePaths(runtimeDir).socket, systemClock);
  assert.equal(await socket.send(`shutdown sessions server tcp:127.0.0.1:${appPort}/app`), '');
  assert.equal(await say(await waiting, 'me too'), 'me too');
});

/** How many connections of others there are. */
async function openFirst(runtimeDir: string): Promise<string | undefined> {
  const socket = runtimeApi(runtimePaths(runtimeDir).socket, systemClock);
  let now: string | undefined;
  await eventually('the count', async () => {
    const [head = '', row = ''] = (await socket.send('show stat tls 1 -1')).split('\n');
    now = row.split(',')[head.split(',').indexOf('scur')];
    return now !== undefined;
  });
  return now;
}
