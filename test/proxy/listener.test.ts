import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { afterTest } from '../harness/after-test.ts';
import { startAddressApp } from '../harness/apps/address-app.ts';
import { openHttp1 } from '../harness/clients/http-clients.ts';
import { headerOf } from '../harness/clients/proxy-protocol.ts';
import { openTls, receive } from '../harness/clients/tls.ts';
import { eventually, freePort, startTestProxy, type TestProxyOptions } from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';
import { withoutIpv6 } from '../harness/proxy/without-ipv6.ts';

const HOSTS = ['127.0.0.1', '::1'] as const;

async function serve(t: TestContext, speaks: 'tcp' | 'http/1.1', options: TestProxyOptions) {
  const target = { port: await startAddressApp(t, speaks), speaks };
  const running = await startTestProxy(t, { target, ...options });
  await running.proxy.install(await testCertificate('app.example'));
  return running;
}

for (const host of HOSTS) {
  for (const sendProxy of ['v1', 'v2'] as const) {
    test(`${host}, PROXY ${sendProxy}: the app learns the address of the client`, async (t) => {
      const bytes = await serve(t, 'tcp', { sendProxy });
      const reported = JSON.parse(await receive(await openTls(t, bytes.port, 'app.example', { host })));
      assert.equal(reported.source.address, host);
      const requests = await serve(t, 'http/1.1', { sendProxy });
      const { get } = await openHttp1(t, requests.port, 'app.example', { host });
      const { source, forwardedFor } = JSON.parse((await get('/')).body);
      assert.deepEqual([source.address, forwardedFor], [host, host]);
    });
  }

  test(`${host}: a PROXY header of either family is accepted`, async (t) => {
    const { port } = await serve(t, 'tcp', { sendProxy: 'v2', acceptProxy: true });
    for (const version of ['v1', 'v2'] as const) {
      for (const address of ['203.0.113.7', '2001:db8:1::7']) {
        const socket = connect(port, host);
        afterTest(t, () => socket.destroy());
        socket.write(headerOf(version, { address, port: 40_001 }));
        const reported = JSON.parse(await receive(await openTls(t, port, 'app.example', { socket })));
        assert.deepEqual(reported.source, { address, port: 40_001 });
      }
    }
  });

  test(`${host}: the log has the address of the client`, async (t) => {
    const { proxy, port, lines } = await startTestProxy(t);
    await proxy.install(await testCertificate('app.example'));
    await receive(await openTls(t, port, 'app.example', { host }));
    const failure = () => lines.find(({ event }) => event === 'connection-failed');
    await eventually('the failure', () => failure() !== undefined);
    assert.equal(failure()?.['client'], host);
  });

  test(`${host}: a port that is in use is an error with the port`, async (t) => {
    const port = await freePort();
    const other = createServer().listen({ host, port, ipv6Only: true });
    afterTest(t, () => other.close());
    await once(other, 'listening');
    await assert.rejects(startTestProxy(t, { port }), {
      code: 'PROXY_START_FAILED',
      details: { port },
    });
  });
}

for (const [what, [program = '', ...args]] of Object.entries(withoutIpv6)) {
  const able = await execa(program, [...args, 'true'], { reject: false });
  test(`${what}: IPv4 is served`, { skip: able.failed && able.stderr }, async () => {
    const serving = ['--test-name-pattern=as soon as it is installed', 'src/proxy/proxy.test.ts'];
    const { stdout } = await execa(program, [...args, process.execPath, '--test', ...serving], {
      // A separate test run, not a part of this one.
      env: { NODE_TEST_CONTEXT: undefined },
    });
    assert.match(stdout, /^\S+ pass 1$/m);
  });
}
