import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { ConnectionOptions } from 'node:tls';
import { afterTest } from '../harness/after-test.ts';
import { startAddressApp } from '../harness/apps/address-app.ts';
import { openHttp1, openHttp2 } from '../harness/clients/http-clients.ts';
import { headerOf, localHeaders, type Source } from '../harness/clients/proxy-protocol.ts';
import { openTls, receive } from '../harness/clients/tls.ts';
import {
  eventually,
  type RunningTest,
  startTestProxy,
  type TestProxyOptions,
} from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';

const SOME: readonly Source[] = [
  { address: '203.0.113.7', port: 40_001 },
  { address: '2001:db8:1::7', port: 40_002 },
];
const modes = ['tcp', 'http/1.1', 'h2'] as const;

async function serve(
  t: TestContext,
  speaks: (typeof modes)[number],
  options: TestProxyOptions,
): Promise<RunningTest> {
  const target = { port: await startAddressApp(t, speaks), speaks };
  const running = await startTestProxy(t, { target, alpn: ['h2', 'http/1.1'], ...options });
  await running.proxy.install(await testCertificate('app.example'));
  return running;
}

/** A connection that begins with some bytes. */
async function begun(t: TestContext, port: number, header: Buffer | undefined): Promise<ConnectionOptions> {
  const socket = connect(port, '127.0.0.1');
  afterTest(t, () => socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  if (header) socket.write(header);
  return { socket };
}

/** The sources that the app reports for each of `times` requests of one client. */
async function sourcesOf(
  t: TestContext,
  { port }: RunningTest,
  speaks: (typeof modes)[number],
  { header, client = 'http/1.1', times = 1 }: { header?: Buffer; client?: 'http/1.1' | 'h2'; times?: number },
): Promise<{ source: Source; forwardedFor?: string }[]> {
  const options = await begun(t, port, header);
  if (speaks === 'tcp') return [JSON.parse(await receive(await openTls(t, port, 'app.example', options)))];
  const open = client === 'h2' ? openHttp2 : openHttp1;
  const { get } = await open(t, port, 'app.example', options);
  const reported = [];
  for (let time = 0; time < times; time += 1) reported.push(JSON.parse((await get('/')).body));
  return reported;
}

for (const speaks of modes) {
  for (const sendProxy of ['v1', 'v2'] as const) {
    test(`${speaks}, PROXY ${sendProxy}: the app learns the address of the client`, async (t) => {
      const running = await serve(t, speaks, { sendProxy });
      const [reported] = await sourcesOf(t, running, speaks, {});
      assert.equal(reported?.source.address, '127.0.0.1');
      if (speaks !== 'tcp') assert.equal(reported.forwardedFor, '127.0.0.1');
    });

    test(`${speaks}, PROXY ${sendProxy}: the app learns the address in the client's PROXY header, v1 or v2, IPv4 or IPv6`, async (t) => {
      const running = await serve(t, speaks, { sendProxy, acceptProxy: true });
      for (const accepted of ['v1', 'v2'] as const) {
        for (const source of SOME) {
          const [reported] = await sourcesOf(t, running, speaks, { header: headerOf(accepted, source) });
          assert.deepEqual(reported?.source, source);
          if (speaks !== 'tcp') assert.equal(reported.forwardedFor, source.address);
        }
      }
    });
  }
}

for (const [what, header] of Object.entries(localHeaders)) {
  test(`${what}: the client is the peer of the connection`, async (t) => {
    const running = await serve(t, 'http/1.1', { sendProxy: 'v2', acceptProxy: true });
    const [reported] = await sourcesOf(t, running, 'http/1.1', { header });
    assert.deepEqual([reported?.source.address, reported?.forwardedFor], ['127.0.0.1', '127.0.0.1']);
  });
}

for (const speaks of ['http/1.1', 'h2'] as const) {
  for (const client of ['http/1.1', 'h2'] as const) {
    test(`${client} to ${speaks}: different clients never share a connection to the app`, async (t) => {
      const running = await serve(t, speaks, { sendProxy: 'v2', acceptProxy: true });
      const sources = Array.from({ length: 20 }, (_, index) => ({
        address: `203.0.113.${1 + (index % 10)}`,
        port: 1_024 + index,
      }));
      const all = await Promise.all(
        sources.map(async (source) => {
          const header = headerOf('v2', source);
          return { source, reported: await sourcesOf(t, running, speaks, { header, client, times: 20 }) };
        }),
      );
      for (const { source, reported } of all) {
        for (const one of reported) assert.deepEqual(one, { source, forwardedFor: source.address });
      }
    });
  }
}

const refused: readonly [what: string, bytes: string, error: RegExp][] = [
  [
    'a TLS handshake without a header',
    `\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${'\x55'.repeat(32)}`,
    /does not look like/,
  ],
  ['HTTP without a header', 'GET / HTTP/1.1\r\nhost: app.example\r\n\r\n', /does not look like/],
  ['an incomplete v1 header', 'PROXY TCP4 203.0.113', /^Truncated/],
  ['a malformed v1 header', 'PROXY TCP4 203.0.113.7 x 1 1\r\n', /invalid|unhandled|Truncated/],
  // The PROXY protocol allows it (§2.1), HAProxy does not.
  ['a v1 UNKNOWN header with addresses', 'PROXY UNKNOWN 203.0.113.9 192.0.2.1 1 2\r\n', /unhandled/],
  ['an incomplete v2 header', '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c', /^Truncated/],
  ['a binary header of another version', '\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0', /does not look like/],
];
for (const [what, bytes, error] of refused) {
  test(`${what} is refused at once, and logged`, async (t) => {
    const { port, lines } = await startTestProxy(t, { acceptProxy: true });
    const begin = performance.now();
    const socket = connect(port, '127.0.0.1').resume();
    socket.on('error', () => undefined);
    socket.write(bytes, 'latin1');
    await new Promise((closed) => socket.once('close', closed));
    assert.ok(performance.now() - begin < 1_000);
    const failure = () => lines.find(({ why }) => why === 'proxy-header');
    await eventually('a line', () => failure() !== undefined);
    assert.equal(failure()?.level, 30);
    assert.match(String(failure()?.['error']), error);
  });
}

test('a connection without a header is closed in time', async (t) => {
  // From 2.9 on the limit is ten seconds (timeout client-hs); older versions have only this
  // timeout.
  const timeouts = { connect: 1_000, client: 700, server: 60_000 };
  const { port, lines } = await startTestProxy(t, { acceptProxy: true, timeouts });
  const begin = performance.now();
  const socket = connect(port, '127.0.0.1').resume();
  await once(socket, 'close');
  const tookMs = performance.now() - begin;
  assert.ok(tookMs > 500 && tookMs < 2_500, `${tookMs} ms`);
  await eventually('a line', () => lines.some(({ why }) => why === 'proxy-header'));
});

test('handshakes of the control plane need no header, and nothing is forwarded from their socket', async (t) => {
  const { proxy, runtimeDir } = await serve(t, 'tcp', { acceptProxy: true, sendProxy: 'v1' });
  const next = await testCertificate('app.example');
  await proxy.install(next);
  const socket = connect(`${runtimeDir}/own.sock`);
  const client = await openTls(t, 0, 'app.example', { socket });
  assert.equal(client.getPeerX509Certificate()?.serialNumber, next.serialNumber);
  assert.equal(await receive(client), '');
});
