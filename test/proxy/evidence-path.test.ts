import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { startEvidenceServer } from '../../src/evidence/server.ts';
import type { ProxyRoute } from '../../src/proxy/config/routes.ts';
import { afterTest } from '../harness/after-test.ts';
import {
  mirror,
  mirrored,
  type SeenRequest,
  startEitherApp,
  startHttpApp,
  valuesOf,
} from '../harness/apps/http-app.ts';
import { greeter, startApp } from '../harness/apps/tcp-app.ts';
import { openH1 } from '../harness/clients/h1.ts';
import { openH2, sendRequest } from '../harness/clients/h2.ts';
import { openTls, receive } from '../harness/clients/tls.ts';
import { acceptWebSockets, echoTexts } from '../harness/clients/websocket.ts';
import { memoryLog } from '../harness/memory-log.ts';
import { HTTP_ALPN, httpRoutes, routesTo, startServing } from '../harness/proxy/proxy.ts';
import { temporaryDirectory } from '../harness/temporary-directory.ts';

const QUOTE = '{"quote":"00"}';

/** A proxy with evidence for some routes. */
async function serve(t: TestContext, routes: readonly ProxyRoute[]): Promise<number> {
  const directory = temporaryDirectory(t);
  await writeFile(join(directory, 'quote.json'), QUOTE);
  const evidence = await startEvidenceServer(directory, memoryLog().emit);
  afterTest(t, () => evidence[Symbol.asyncDispose]());
  const { port } = await startServing(t, routes, { evidencePort: evidence.port });
  return port;
}

/** Requests for evidence and requests to the app in turn, on one connection. */
async function assertInTurn(get: (path: string) => Promise<string>): Promise<void> {
  assert.equal(await get('/evidences/quote.json'), QUOTE);
  assert.equal(mirrored(await get('/app')).url, '/app');
  assert.equal(await get('/evidences/'), 'quote.json\n');
  assert.match(await get('/evidences'), /301/);
  assert.match(await get('/evidences/none'), /404/);
  assert.equal(await get('/evidences/quote.json?again'), QUOTE);
  for (const path of ['/evidencesX', '/evidence/', '/a/evidences/', '/Evidences/', '/?/evidences/']) {
    assert.equal(mirrored(await get(path)).url, path);
  }
  assert.equal(await get('/evidences/quote.json'), QUOTE);
}

describe('/evidences/', { concurrency: true }, () => {
  for (const kind of ['http', 'tcp'] as const) {
    test(`${kind} target: any request of an HTTP/1.1 connection may be for evidence`, async (t) => {
      const seen: SeenRequest[] = [];
      const app = await startEitherApp(t, mirror('app', seen));
      const speaks = kind === 'tcp' ? 'tcp' : 'http/1.1';
      const port = await serve(t, httpRoutes(app, ['app.example'], { speaks }));
      const h1 = await openH1(t, port);
      await assertInTurn(async (path) => (await h1.get(path, 'app.example')).body);
      const paths = ['/evidences/quote.json', '/app', '/evidences/quote.json', '/app'];
      h1.socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: app.example\r\n\r\n`).join(''));
      assert.equal((await h1.answer()).body, QUOTE);
      assert.equal(mirrored((await h1.answer()).body).url, '/app');
      assert.equal((await h1.answer()).body, QUOTE);
      assert.equal(mirrored((await h1.answer()).body).url, '/app');
      h1.head('GET https://app.example/evidences/quote.json HTTP/1.1', 'Host: app.example');
      assert.equal((await h1.answer()).body, QUOTE);
      h1.head('HEAD /evidences/quote.json HTTP/1.1', 'Host: app.example');
      assert.equal((await h1.answer({ noBody: true })).field('content-type'), 'application/json');
      assert.ok(seen.every(({ version, url }) => version === '1.1' && !url.startsWith('/evidences/')));
    });

    test(`${kind} target: any request of an HTTP/2 connection may be for evidence`, async (t) => {
      const seen: SeenRequest[] = [];
      const app = await startEitherApp(t, mirror('app', seen));
      const speaks = kind === 'tcp' ? 'tcp' : 'http/1.1';
      const port = await serve(t, httpRoutes(app, ['app.example'], { speaks }));
      const session = await openH2(t, port);
      await assertInTurn(async (path) => (await sendRequest(session, { ':path': path })).body);
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          sendRequest(session, { ':path': index % 2 ? '/app' : '/evidences/quote.json' }),
        ),
      );
      assert.equal(answers.filter(({ body }) => body === QUOTE).length, 10);
      assert.ok(
        seen.every(
          ({ version, url }) => version === (kind === 'tcp' ? '2.0' : '1.1') && !/^.evidences\//.test(url),
        ),
      );
    });
  }

  test('gRPC target: any request may be for evidence', async (t) => {
    const app = await startEitherApp(t, mirror('app'));
    const port = await serve(t, httpRoutes(app, ['app.example'], { speaks: 'h2' }));
    const session = await openH2(t, port);
    await assertInTurn(async (path) => (await sendRequest(session, { ':path': path })).body);
  });

  test('WebSockets to a TCP target still work', async (t) => {
    const app = await startHttpApp(t, mirror('app'), (server) =>
      acceptWebSockets(server, (end, { url }) => void echoTexts(end, { url })),
    );
    const port = await serve(t, httpRoutes(app, ['app.example'], { speaks: 'tcp' }));
    const h1 = await openH1(t, port);
    assert.equal((await h1.get('/evidences/quote.json', 'app.example')).body, QUOTE);
    const fields = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
    const answer = await h1.get(
      '/chat',
      'app.example',
      ...fields,
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    );
    assert.equal(answer.status, 101);
    assert.match(await h1.until('this is /chat'), /^\x81/);
  });

  test('requests to a TCP target reach the app unchanged', async (t) => {
    const app = await startEitherApp(t, mirror('app'));
    const port = await serve(t, routesTo({ port: app }, ['app.example'], HTTP_ALPN));
    const h1 = await openH1(t, port);
    const seen = mirrored((await h1.get('/', 'other.example', 'X-Forwarded-For: 10.0.0.1')).body);
    assert.deepEqual(valuesOf(seen, 'host'), ['other.example']);
    assert.deepEqual(valuesOf(seen, 'x-forwarded-for'), ['10.0.0.1']);
    assert.deepEqual(valuesOf(seen, 'x-forwarded-proto'), []);
  });

  test('clients of a TCP target that did not negotiate HTTP are neither delayed nor parsed', async (t) => {
    const bytes: string[] = [];
    const app = await startApp(t, (socket) => {
      greeter('220 ready\n')(socket);
      socket.on('data', (chunk) => {
        bytes.push(String(chunk));
        socket.write('heard\n');
      });
    });
    const port = await serve(t, routesTo({ port: app }, ['app.example'], [...HTTP_ALPN, 'imap']));
    for (const ALPNProtocols of [[], ['imap'], ['unknown']]) {
      const client = await openTls(t, port, 'app.example', { ALPNProtocols });
      const begun = performance.now();
      assert.equal(await receive(client), '220 ready');
      assert.ok(performance.now() - begun < 1_000);
      const request = 'GET /evidences/quote.json HTTP/1.1\r\nHost: app.example\r\n\r\n';
      client.write(request);
      assert.equal(await receive(client), 'heard');
      assert.equal(bytes.join(''), request);
      bytes.length = 0;
    }
  });

  test('without evidence a TCP target gets the bytes, whatever was negotiated', async (t) => {
    const bytes: string[] = [];
    const app = await startApp(t, (socket) => {
      greeter('ready\n')(socket);
      socket.on('data', (chunk) => {
        bytes.push(String(chunk));
        socket.write('heard\n');
      });
    });
    const { port } = await startServing(t, routesTo({ port: app }, ['app.example'], HTTP_ALPN));
    for (const ALPNProtocols of [['h2'], ['http/1.1'], []]) {
      const client = await openTls(t, port, 'app.example', { ALPNProtocols });
      assert.equal(client.alpnProtocol, ALPNProtocols[0] ?? false);
      assert.equal(await receive(client), 'ready');
      client.write('GET /evidences/ nonsense');
      assert.equal(await receive(client), 'heard');
      assert.equal(bytes.join(''), 'GET /evidences/ nonsense');
      bytes.length = 0;
    }
  });
});
