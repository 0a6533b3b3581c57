import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { createServer } from 'node:tls';
import { afterTest } from '../harness/after-test.ts';
import { faultyApps } from '../harness/apps/faulty-apps.ts';
import { startTextApp } from '../harness/apps/http-app.ts';
import { startApp } from '../harness/apps/tcp-app.ts';
import { makeCertificate } from '../harness/ca/certificates.ts';
import { openHttp1 } from '../harness/clients/http-clients.ts';
import { eventually, startTestProxy } from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';

/** An app with an untrusted certificate. */
async function startUntrusted(t: TestContext): Promise<number> {
  const { chainPem, keyPem } = await makeCertificate({ names: ['localhost'] });
  const server = createServer({ cert: chainPem, key: keyPem }, (socket) => socket.end());
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterTest(t, () => server.close());
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the app has no port');
  return address.port;
}

const apps: readonly [what: string, start: (t: TestContext) => Promise<number>, error: RegExp][] = [
  ['an untrusted certificate', startUntrusted, /certificate verify failed/],
  [
    'another protocol instead of TLS',
    (t) => startApp(t, faultyApps['answers garbage']),
    /SSL handshake|wrong version|packet length/,
  ],
  ['HTTP instead of TLS', (t) => startTextApp(t, { speaks: 'http/1.1' }, () => 'hi'), /wrong version number/],
];
for (const [what, start, error] of apps) {
  test(`an https:// target with ${what} is 503, with the error in the log`, async (t) => {
    const target = { port: await start(t), speaks: 'http/1.1', tls: true } as const;
    const { proxy, port, lines } = await startTestProxy(t, {
      ...{ target, alpn: ['http/1.1'] },
      timeouts: { connect: 200, client: 60_000, server: 60_000 },
    });
    await proxy.install(await testCertificate('app.example'));
    const { get } = await openHttp1(t, port, 'app.example');
    assert.equal((await get('/')).status, 503);
    const failure = () => lines.find(({ event }) => event === 'connection-failed');
    await eventually('the failure in the log', () => failure() !== undefined);
    assert.deepEqual(
      [failure()?.level, failure()?.['why'], failure()?.['domain']],
      [40, 'tls', 'app.example'],
    );
    assert.match(String(failure()?.['error']), error);
  });
}
