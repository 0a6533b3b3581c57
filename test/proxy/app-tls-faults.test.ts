import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { createServer } from 'node:tls';
import { afterTest } from '../harness/after-test.ts';
import { faultyApps } from '../harness/apps/faulty-apps.ts';
import { startTextApp } from '../harness/apps/text-app.ts';
import { makeCertificate } from '../harness/ca/certificates.ts';
import { openHttp1 } from '../harness/clients/http-clients.ts';
import { eventually, startApp, startTestProxy } from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';

/** An app with a certificate that nobody trusts. */
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
  ['a certificate that nobody trusts', startUntrusted, /certificate verify failed/],
  [
    'no TLS, but words',
    (t) => startApp(t, faultyApps['answers garbage']),
    /SSL handshake|wrong version|packet length/,
  ],
  ['no TLS, but HTTP', (t) => startTextApp(t, { speaks: 'http/1.1' }, () => 'hi'), /wrong version number/],
];
for (const [what, start, error] of apps) {
  test(`an app that wants TLS, with ${what}: a 503, and what is wrong is in the log`, async (t) => {
    const target = { port: await start(t), speaks: 'http/1.1', tls: true } as const;
    const { proxy, port, lines } = await startTestProxy(t, {
      ...{ target, alpn: ['http/1.1'] },
      timeouts: { connect: 200, client: 60_000, server: 60_000 },
    });
    await proxy.install(await testCertificate('app.example'));
    const { get } = await openHttp1(t, port, 'app.example');
    assert.equal((await get('/')).status, 503);
    const said = () => lines.find(({ event }) => event === 'connection-failed');
    await eventually('the failure in the log', () => said() !== undefined);
    assert.deepEqual([said()?.level, said()?.['why'], said()?.['domain']], [40, 'tls', 'app.example']);
    assert.match(String(said()?.['error']), error);
  });
}
