import assert from 'node:assert/strict';
import type { ServerHttp2Stream } from 'node:http2';
import { describe, type TestContext, test } from 'node:test';
import type { ProxyRoute } from '../../src/proxy/config/routes.ts';
import { mirror, mirrored, startH2App, startHttpApp } from '../harness/apps/http-app.ts';
import { greeter, startApp } from '../harness/apps/tcp-app.ts';
import { call, message, messages, serveCall } from '../harness/clients/grpc.ts';
import { openH1 } from '../harness/clients/h1.ts';
import { openH2 } from '../harness/clients/h2.ts';
import { openTls, receive } from '../harness/clients/tls.ts';
import { httpRoutes, routesTo, startServing, startTestProxy } from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';

const REFUSED = /unrecognized|handshake failure|disconnected|reset/;

/** A route to an app that sends its names as soon as a client connects. */
async function greeting(t: TestContext, ...names: string[]): Promise<ProxyRoute[]> {
  return routesTo({ port: await startApp(t, greeter(names.join())) }, names);
}

describe('many names on one port', { concurrency: true }, () => {
  test('of TCP, HTTP and gRPC targets together', async (t) => {
    const grpc = await startH2App(t, (server) => {
      server.on('stream', (stream: ServerHttp2Stream, headers) => void serveCall(stream, headers));
    });
    const { port } = await startServing(t, [
      ...(await greeting(t, 'tcp.example')),
      ...httpRoutes(await startHttpApp(t, mirror('http')), ['http.example']),
      ...httpRoutes(grpc, ['grpc.example'], { speaks: 'h2' }).map((route) => ({ ...route, alpn: ['h2'] })),
    ]);
    assert.equal(await receive(await openTls(t, port, 'tcp.example')), 'tcp.example');
    const offering = await openTls(t, port, 'tcp.example', { ALPNProtocols: ['h2', 'http/1.1'] });
    assert.equal(offering.alpnProtocol, false);
    assert.equal(await receive(offering), 'tcp.example');
    const h1 = await openH1(t, port, 'http.example');
    assert.equal(mirrored((await h1.get('/', 'http.example')).body).app, 'http');
    assert.equal((await h1.get('/', 'grpc.example')).status, 421);
    assert.equal((await h1.get('/', 'tcp.example')).status, 421);
    const stream = call(await openH2(t, port, 'grpc.example'), '/echo');
    stream.write(message('hello'));
    assert.equal((await messages(stream).next()).value, 'hello');
  });

  test('an exact name takes precedence over a wildcard, which matches one label', async (t) => {
    const { port } = await startServing(t, [
      ...(await greeting(t, '*.w.example')),
      ...(await greeting(t, 'exact.w.example')),
      ...(await greeting(t, 'w.example')),
    ]);
    for (const [name, app] of [
      ['any.w.example', '*.w.example'],
      ['ANY.W.example', '*.w.example'],
      ['exact.w.example', 'exact.w.example'],
      ['Exact.W.Example', 'exact.w.example'],
      ['w.example', 'w.example'],
    ] as const) {
      assert.equal(await receive(await openTls(t, port, name)), app, name);
    }
    await assert.rejects(openTls(t, port, 'one.two.w.example'), REFUSED);
  });

  test('an exact name needs its own certificate; that of the wildcard is not presented for it', async (t) => {
    const routes = [...(await greeting(t, '*.w.example')), ...(await greeting(t, 'exact.w.example'))];
    const { port, proxy } = await startTestProxy(t, { routes });
    await proxy.install(await testCertificate('*.w.example'));
    assert.equal(await receive(await openTls(t, port, 'any.w.example')), '*.w.example');
    await assert.rejects(openTls(t, port, 'exact.w.example'), REFUSED);
    await proxy.install(await testCertificate('exact.w.example'));
    assert.equal(await receive(await openTls(t, port, 'exact.w.example')), 'exact.w.example');
  });

  test('an unknown name and no name are refused in the handshake, with any ALPN', async (t) => {
    const { port } = await startServing(t, httpRoutes(await startHttpApp(t, mirror('app'))));
    for (const name of ['other.example', 'example', 'app.example.example', '']) {
      for (const ALPNProtocols of [['h2'], ['http/1.1'], []]) {
        await assert.rejects(openTls(t, port, name, { ALPNProtocols }), REFUSED, name);
      }
    }
  });
});

test('a thousand names and a hundred apps', async (t) => {
  const names = Array.from({ length: 1_000 }, (_, index) => `n${index}.example`);
  const apps = await Promise.all(
    Array.from({ length: 100 }, (_, index) => startApp(t, greeter(`app ${index}`))),
  );
  const routes = names.flatMap((name, index) => routesTo({ port: apps[index % 100] ?? 0 }, [name]));
  const { port, proxy } = await startTestProxy(t, { routes });
  const certificate = await testCertificate('n0.example');
  // An install takes some milliseconds, so only a hundred of the names get a certificate.
  for (const name of names.filter((text) => text.endsWith('7.example'))) {
    await proxy.install({ ...certificate, name, servername: name });
  }
  for (const index of [7, 17, 107, 507, 997]) {
    assert.equal(await receive(await openTls(t, port, `n${index}.example`)), `app ${index % 100}`);
  }
  await assert.rejects(openTls(t, port, 'n1000.example'), REFUSED);
});
