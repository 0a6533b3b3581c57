import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls';
import type { ProxyOptions } from '../../src/proxy/proxy.ts';
import { afterTest } from '../harness/after-test.ts';
import { mirror, mirrored } from '../harness/apps/http-app.ts';
import { type MadeCertificate, makeCertificate } from '../harness/ca/certificates.ts';
import { openH1 } from '../harness/clients/h1.ts';
import { openTls, receive } from '../harness/clients/tls.ts';
import { eventually, httpRoutes, type RunningTest, routesTo, startServing } from '../harness/proxy/proxy.ts';
import { temporaryDirectory } from '../harness/temporary-directory.ts';
import { openServer } from '../world/open-server.ts';

const HOST = 'inside.example';
const lookup = async (): Promise<LookupAddress[]> => [{ address: '127.0.0.1', family: 4 }];

/** An app with TLS: its port, and the SNI and ALPN of each connection. */
async function startTlsApp(t: TestContext, { chainPem, keyPem }: MadeCertificate) {
  const asked: (string | false | null)[] = [];
  const server = createServer({ cert: chainPem, key: keyPem, ALPNProtocols: ['http/1.1'] }, mirror('app'));
  server.on('secureConnection', (socket: TLSSocket) =>
    asked.push(socket.servername, socket.alpnProtocol ?? false),
  );
  const open = await openServer(server, { host: '127.0.0.1', port: 0 });
  afterTest(t, () => open[Symbol.asyncDispose]());
  return { port: open.port, asked };
}

async function fileWith(t: TestContext, pem: string): Promise<string> {
  const path = join(temporaryDirectory(t), 'ca.pem');
  await writeFile(path, pem);
  return path;
}

/** A proxy with an https:// target, once its address is set. */
async function serve(
  t: TestContext,
  port: number,
  appTls: ProxyOptions['upstreamTls'],
  host = HOST,
): Promise<RunningTest> {
  const running = await startServing(t, httpRoutes(port, ['app.example'], { host, tls: true }), {
    upstreamTls: appTls,
    lookup,
  });
  await eventually('an address', () => running.lines.some(({ msg }) => /Server \S+ is UP\/READY/.test(msg)));
  return running;
}

async function isRefused(t: TestContext, { port, lines }: RunningTest, why: RegExp): Promise<void> {
  const answer = await (await openH1(t, port)).get('/', 'app.example');
  assert.deepEqual(
    [answer.status, answer.body],
    [503, '503 Service Unavailable: the app cannot be reached.\n'],
  );
  await eventually('a line about it', () => lines.some(({ event }) => event === 'connection-failed'));
  const line = lines.find(({ event }) => event === 'connection-failed');
  assert.deepEqual([line?.['domain'], line?.level], ['app.example', 40]);
  assert.match(`${line?.msg} ${line?.['error']}`, why);
}

describe('an HTTPS target', { concurrency: true }, () => {
  test('with a valid and trusted certificate is reached, with its name as the SNI', async (t) => {
    const certificate = await makeCertificate({ names: [HOST] });
    const { port, asked } = await startTlsApp(t, certificate);
    const proxy = await serve(t, port, { verify: true, caFile: await fileWith(t, certificate.chainPem) });
    const h1 = await openH1(t, proxy.port);
    assert.equal(mirrored((await h1.get('/', 'app.example')).body).app, 'app');
    assert.deepEqual(asked, [HOST, 'http/1.1']);
  });

  test('with a certificate for another name is refused', async (t) => {
    const certificate = await makeCertificate({ names: ['other.example'] });
    const { port } = await startTlsApp(t, certificate);
    const appTls = { verify: true, caFile: await fileWith(t, certificate.chainPem) };
    await isRefused(t, await serve(t, port, appTls), /different from the expected one/);
  });

  test('with a certificate of an untrusted CA is refused', async (t) => {
    const { port } = await startTlsApp(t, await makeCertificate({ names: [HOST] }));
    const { chainPem } = await makeCertificate({ names: [HOST] });
    const appTls = { verify: true, caFile: await fileWith(t, chainPem) };
    await isRefused(t, await serve(t, port, appTls), /handshake failure/);
  });

  test("with a certificate of an untrusted CA is refused by the system's CAs too", async (t) => {
    const { port } = await startTlsApp(t, await makeCertificate({ names: [HOST] }));
    await isRefused(t, await serve(t, port, { verify: true }), /handshake failure/);
  });

  test('that does not speak TLS is refused', async (t) => {
    const plain = await openServer(createHttpServer(mirror('app')), { host: '127.0.0.1', port: 0 });
    afterTest(t, () => plain[Symbol.asyncDispose]());
    await isRefused(t, await serve(t, plain.port, { verify: true }), /handshake failure/);
  });

  test('without verification may have any certificate, and still gets its name as the SNI', async (t) => {
    const { port, asked } = await startTlsApp(t, await makeCertificate({ names: ['other.example'] }));
    const proxy = await serve(t, port, { verify: false });
    assert.equal((await (await openH1(t, proxy.port)).get('/', 'app.example')).status, 200);
    assert.deepEqual(asked, [HOST, 'http/1.1']);
  });
});

test("an app at an IP address gets no SNI, whatever the client's is", async (t) => {
  const { chainPem, keyPem } = await makeCertificate({ names: [HOST] });
  const asked: string[] = [];
  const SNICallback: NonNullable<TlsOptions['SNICallback']> = (name, done) => {
    asked.push(name);
    done(new Error('no certificate for this name'));
  };
  const server = createServer({ cert: chainPem, key: keyPem, SNICallback }, mirror('app'));
  const open = await openServer(server, { host: '127.0.0.1', port: 0 });
  afterTest(t, () => open[Symbol.asyncDispose]());
  const routes = httpRoutes(open.port, ['app.example'], { tls: true });
  const { port } = await startServing(t, routes, { upstreamTls: { verify: false } });
  assert.equal((await (await openH1(t, port)).get('/', 'app.example')).status, 200);
  assert.deepEqual(asked, []);
});

test('the app of a TLS target can speak first', async (t) => {
  const { chainPem, keyPem } = await makeCertificate({ names: [HOST] });
  const server = createTlsServer({ cert: chainPem, key: keyPem }, (socket) => socket.write('220 ready\n'));
  const open = await openServer(server, { host: '127.0.0.1', port: 0 });
  afterTest(t, () => open[Symbol.asyncDispose]());
  const routes = routesTo({ host: HOST, port: open.port, tls: true });
  const appTls = { verify: true, caFile: await fileWith(t, chainPem) };
  const { port, lines } = await startServing(t, routes, { upstreamTls: appTls, lookup });
  await eventually('an address', () => lines.some(({ msg }) => /Server \S+ is UP\/READY/.test(msg)));
  assert.equal(await receive(await openTls(t, port, 'app.example')), '220 ready');
});
