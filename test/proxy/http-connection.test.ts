import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, test } from 'node:test';
import { mirror, mirrored, type SeenRequest, startHttpApp, valuesOf } from '../harness/apps/http-app.ts';
import { echo, greeter } from '../harness/apps/tcp-app.ts';
import { openH1 } from '../harness/clients/h1.ts';
import { answerOf, openH2 } from '../harness/clients/h2.ts';
import { openTls, receive } from '../harness/clients/tls.ts';
import { httpRoutes, startServing } from '../harness/proxy/proxy.ts';

describe('features of HTTP connections', { concurrency: true }, () => {
  test('Expect: 100-continue is forwarded to the app, which may refuse before it gets the body', async (t) => {
    const app = await startHttpApp(t, mirror('app'), (server) => {
      server.on('checkContinue', (request, response) => {
        if (request.url === '/no') {
          response.writeHead(413, { 'content-length': 0 });
          response.end();
          return;
        }
        response.writeContinue();
        server.emit('request', request, response);
      });
    });
    const { port } = await startServing(t, httpRoutes(app));
    const h1 = await openH1(t, port);
    const fields = ['Host: app.example', 'Content-Length: 4', 'Expect: 100-continue'];
    h1.head('POST /yes HTTP/1.1', ...fields);
    assert.equal((await h1.answer()).status, 100);
    h1.socket.write('body');
    assert.equal(mirrored((await h1.answer()).body).body, 'body');
    h1.head('POST /no HTTP/1.1', ...fields);
    assert.equal((await h1.answer()).status, 413);
    const h2 = await openH2(t, port);
    const stream = h2.request({ ':method': 'POST', ':path': '/yes', expect: '100-continue' });
    const answer = answerOf(stream);
    await once(stream, 'continue');
    stream.end('more');
    assert.equal(mirrored((await answer).body).body, 'more');
  });

  test('trailers are forwarded in both directions, over h1 and h2', async (t) => {
    const app = await startHttpApp(t, (request, response) => {
      response.setHeader('trailer', 'x-sum');
      response.write('begun ');
      request.on('data', () => undefined);
      request.on('end', () => {
        response.addTrailers({ 'x-sum': `of ${request.trailers['x-sent']}` });
        response.end('ended');
      });
    });
    const { port } = await startServing(t, httpRoutes(app));
    const h1 = await openH1(t, port);
    h1.head('POST / HTTP/1.1', 'Host: app.example', 'TE: trailers', 'Transfer-Encoding: chunked');
    h1.chunk('text');
    h1.socket.write('0\r\nX-Sent: h1\r\n\r\n');
    const first = await h1.answer();
    assert.deepEqual([first.body, first.trailers], ['begun ended', [['x-sum', 'of h1']]]);
    const h2 = await openH2(t, port);
    const stream = h2.request({ ':method': 'POST', te: 'trailers' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sent': 'h2' }));
    stream.end('text');
    const second = await answerOf(stream);
    assert.equal(second.body, 'begun ended');
    assert.equal(second.trailers?.['x-sum'], 'of h2');
  });

  test('an HTTP/1.0 request without a Host reaches the app of the SNI', async (t) => {
    const { port } = await startServing(t, httpRoutes(await startHttpApp(t, mirror('app'))));
    const h1 = await openH1(t, port, 'app.example', {});
    h1.head('GET /old HTTP/1.0');
    const answer = await h1.answer();
    assert.deepEqual([answer.status, mirrored(answer.body).url], [200, '/old']);
    assert.equal(await h1.rest(), '');
    const persistent = await openH1(t, port, 'app.example', {});
    persistent.head('GET /1 HTTP/1.0', 'Connection: keep-alive');
    assert.equal(mirrored((await persistent.answer()).body).url, '/1');
    persistent.head('GET /2 HTTP/1.0', 'Connection: keep-alive');
    assert.equal(mirrored((await persistent.answer()).body).url, '/2');
  });

  test('connections are reused on both sides, also for pipelined requests', async (t) => {
    const { port } = await startServing(t, httpRoutes(await startHttpApp(t, mirror('app'))));
    const h1 = await openH1(t, port);
    const seen: SeenRequest[] = [];
    for (let n = 0; n < 3; n += 1) seen.push(mirrored((await h1.get(`/${n}`, 'app.example')).body));
    h1.socket.write(['/3', '/4'].map((url) => `GET ${url} HTTP/1.1\r\nHost: app.example\r\n\r\n`).join(''));
    seen.push(mirrored((await h1.answer()).body), mirrored((await h1.answer()).body));
    assert.deepEqual(
      seen.map(({ url }) => url),
      ['/0', '/1', '/2', '/3', '/4'],
    );
    assert.equal(new Set(seen.map(({ connection }) => connection)).size, 1);
    h1.head('GET / HTTP/1.1', 'Host: app.example', 'Connection: close');
    assert.equal((await h1.answer()).status, 200);
    assert.equal(await h1.rest(), '');
  });

  test('after an Upgrade to another protocol, bytes are forwarded at once', async (t) => {
    const app = await startHttpApp(t, mirror('app'), (server) => {
      server.on('upgrade', (request, socket: Socket) => {
        socket.write(`HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: ${request.headers.upgrade}\r\n\r\n`);
        greeter('ready\n')(socket);
        echo(socket);
      });
    });
    const { port } = await startServing(t, httpRoutes(app));
    const h1 = await openH1(t, port);
    const answer = await h1.get('/', 'app.example', 'Connection: Upgrade', 'Upgrade: chat/2');
    assert.deepEqual([answer.status, answer.field('upgrade')], [101, 'chat/2']);
    assert.equal(await h1.until('\n'), 'ready');
    for (const words of ['one\n', 'two\n']) {
      h1.socket.write(words);
      assert.equal(await h1.until('\n'), words.trim());
    }
  });
});

test('a client cannot upgrade the app to HTTP/2 (Upgrade: h2c)', async (t) => {
  const { port } = await startServing(t, httpRoutes(await startHttpApp(t, mirror('app'))));
  const h1 = await openH1(t, port);
  for (const upgrade of ['h2c', 'H2C', 'chat, h2c']) {
    const fields = ['Connection: Upgrade, HTTP2-Settings', `Upgrade: ${upgrade}`, 'HTTP2-Settings: AAMAAABk'];
    const seen = mirrored((await h1.get('/', 'app.example', ...fields)).body);
    assert.deepEqual(
      valuesOf(seen, 'upgrade').filter((value) => /h2c/i.test(value)),
      [],
      upgrade,
    );
    assert.deepEqual(valuesOf(seen, 'http2-settings'), []);
  }
});

test('a connection that is opened in advance and never used is closed without a response', async (t) => {
  const app = await startHttpApp(t, mirror('app'));
  const timeouts = { connect: 1_000, client: 1_000, server: 60_000 };
  const { port } = await startServing(t, httpRoutes(app), { timeouts });
  assert.equal(await receive(await openTls(t, port, 'app.example', { ALPNProtocols: ['http/1.1'] })), '');
  const half = await openTls(t, port, 'app.example', { ALPNProtocols: ['http/1.1'] });
  half.write('GET / HT');
  assert.equal(await receive(half), '');
});
